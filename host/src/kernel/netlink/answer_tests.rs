#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::kernel::netlink::{Flags, Header, MESSAGE_HEADER, Messages, Refusal, Writer};

/// What the kernel says at the end of an answer, with these flags.
fn ending(kind: i32, flags: i32, fixed: &[u8], attributes: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    let header = Header { kind: kind as u16, flags: Flags(flags as u16), sequence: 7 };
    writer.frame(header, fixed, attributes);
    writer.framed().unwrap()
}

/// The header of a request that is so long.
fn request(length: u32) -> Vec<u8> {
    [&length.to_ne_bytes()[..], &[0; 4], &7_u32.to_ne_bytes(), &[0; 4]].concat()
}

/// The message and the place of an acknowledgement.
fn explained(writer: &mut Writer) {
    writer.text(1, "no such luck");
    writer.bytes(2, &48_u32.to_ne_bytes());
}

fn refused(bytes: &[u8]) -> Refused {
    match Messages(bytes).next().unwrap().answer() {
        Ok(Answer::Refused(refused)) => refused,
        other => panic!("{other:?} is no refusal"),
    }
}

const EXISTS: Refusal = Refusal { errno: libc::EEXIST, message: None, others: 0 };

#[test]
fn a_refusal_has_the_error_number_the_offset_and_the_message() {
    let number = (-libc::EEXIST).to_ne_bytes();
    let flags = libc::NLM_F_CAPPED | libc::NLM_F_ACK_TLVS;
    let refused = refused(&ending(libc::NLMSG_ERROR, flags, &[&number[..], &request(400)].concat(), explained));
    assert_eq!((refused.sequence, refused.offset), (7, Some(48)));
    assert_eq!(refused.refusal.to_string(), "File exists (os error 17): no such luck");
}

#[test]
fn a_refusal_that_sends_the_request_back_has_its_message_after_it() {
    let number = (-libc::EEXIST).to_ne_bytes();
    // A request of 21 bytes, and the padding behind it, looks like an attribute.
    let request = [request(21), vec![8, 0, 1, 0, b'x', 0, 0, 0]].concat();
    let whole = ending(libc::NLMSG_ERROR, libc::NLM_F_ACK_TLVS, &[&number[..], &request].concat(), explained);
    assert_eq!(refused(&whole).refusal.message.as_deref(), Some("no such luck"));
}

#[test]
fn a_refusal_without_an_acknowledgement_has_an_error_number_alone() {
    let number = (-libc::EEXIST).to_ne_bytes();
    for flags in [0, libc::NLM_F_CAPPED] {
        let bytes = ending(libc::NLMSG_ERROR, flags, &[&number[..], &request(400)].concat(), explained);
        assert_eq!(refused(&bytes).refusal, EXISTS);
    }
    // It says that there is one, and is cut off, or has a request whose length makes no sense.
    for length in [0, 3, u32::MAX] {
        let fixed = [&number[..], &request(length)].concat();
        assert_eq!(
            refused(&ending(libc::NLMSG_ERROR, libc::NLM_F_ACK_TLVS, &fixed, |_| {})).refusal,
            EXISTS,
            "{length}"
        );
    }
}

#[test]
fn a_dump_that_ends_with_an_error_is_no_answer() {
    let number = (-libc::EEXIST).to_ne_bytes();
    let bytes = ending(libc::NLMSG_DONE, libc::NLM_F_MULTI | libc::NLM_F_ACK_TLVS, &number, explained);
    let refused = refused(&bytes);
    assert_eq!((refused.sequence, refused.refusal.errno), (7, libc::EEXIST));
    assert_eq!(refused.refusal.message.as_deref(), Some("no such luck"));
}

#[test]
fn an_answer_ends_where_all_is_well() {
    for (kind, fixed) in [(libc::NLMSG_DONE, vec![0; 4]), (libc::NLMSG_ERROR, [vec![0; 4], request(20)].concat())] {
        let bytes = ending(kind, 0, &fixed, |_| {});
        assert!(matches!(Messages(&bytes).next().unwrap().answer(), Ok(Answer::End)), "{kind}");
    }
    let part = ending(libc::NLMSG_MIN_TYPE, 0, &[], |_| {});
    assert!(matches!(Messages(&part).next().unwrap().answer(), Ok(Answer::Part(_))));
}

#[test]
fn an_end_that_does_not_say_how_is_malformed() {
    for (kind, length) in [(libc::NLMSG_DONE, 4), (libc::NLMSG_ERROR, 4 + MESSAGE_HEADER)] {
        let whole = ending(kind, 0, &vec![0; length], |_| {});
        for end in (MESSAGE_HEADER..whole.len()).step_by(4).filter(|end| kind == libc::NLMSG_DONE || *end < 32) {
            let mut bytes = whole[..end].to_vec();
            bytes[..4].copy_from_slice(&(end as u32).to_ne_bytes());
            assert_eq!(Messages(&bytes).next().unwrap().answer().unwrap_err(), Malformed, "{kind} of {end} bytes");
        }
    }
}
