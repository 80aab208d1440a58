#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::kernel::netlink::{Flags, Header, Writer};

/// Attributes, and whether there are some in them.
#[derive(Clone, Debug)]
enum Tree {
    Bytes(u16, Vec<u8>),
    Nest(u16, Vec<Tree>),
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let bytes =
        (0..100_u16, prop::collection::vec(any::<u8>(), 0..9)).prop_map(|(kind, value)| Tree::Bytes(kind, value));
    bytes.prop_recursive(3, 20, 4, |inside| {
        (0..100_u16, prop::collection::vec(inside, 0..4)).prop_map(|(kind, trees)| Tree::Nest(kind, trees))
    })
}

fn write(writer: &mut Writer, tree: &Tree) {
    match tree {
        Tree::Bytes(kind, value) => writer.bytes(*kind, value),
        Tree::Nest(kind, inside) => writer.nest(*kind, |writer| inside.iter().for_each(|tree| write(writer, tree))),
    }
}

/// Whether attributes are exactly these.
fn are(attributes: Attributes<'_>, trees: &[Tree]) -> bool {
    let found: Vec<_> = attributes.collect();
    let is = |((kind, value), tree): (&(u16, &[u8]), &Tree)| match tree {
        Tree::Bytes(expected, bytes) => (*kind, *value) == (*expected, &bytes[..]),
        Tree::Nest(expected, inside) => kind == expected && are(Attributes(value), inside),
    };
    found.len() == trees.len() && found.iter().zip(trees).all(is)
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(
        fixed in prop::collection::vec(any::<u8>(), 0..20),
        messages in prop::collection::vec((any::<u16>(), any::<u32>(), prop::collection::vec(any_tree(), 0..5)), 0..4),
    ) {
        let mut writer = Writer::default();
        for (kind, sequence, trees) in &messages {
            let header = Header { kind: *kind, flags: Flags::CREATE, sequence: *sequence };
            writer.frame(header, &fixed, |writer| trees.iter().for_each(|tree| write(writer, tree)));
        }
        let bytes = writer.framed().unwrap();
        let read: Vec<_> = strictly(&bytes).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), messages.len());
        for (message, (kind, sequence, trees)) in read.iter().zip(&messages) {
            prop_assert_eq!((message.kind, message.flags, message.sequence), (*kind, Flags::CREATE.0, *sequence));
            let padded = fixed.len().next_multiple_of(4);
            prop_assert_eq!(message.payload().get(..fixed.len()), Some(&fixed[..]));
            prop_assert!(are(message.attributes_behind(padded).unwrap(), trees));
        }
    }

    /// Nothing panics, nothing goes on for ever, and no message reaches beyond the bytes.
    #[test]
    fn any_bytes_are_messages_and_perhaps_an_error_at_the_end(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        length in 0..60_u32,
    ) {
        // Most bytes that are any at all are no length that fits.
        bytes.splice(..bytes.len().min(4), length.to_ne_bytes());
        let read: Vec<_> = strictly(&bytes).collect();
        prop_assert!(read.len() <= bytes.len() / MESSAGE_HEADER + 1);
        let whole: Vec<_> = read.iter().filter_map(|message| message.as_ref().ok()).collect();
        prop_assert_eq!(whole.len(), Messages(&bytes).count());
        prop_assert!(read.iter().rev().skip(1).all(Result::is_ok), "only the last one is none");
        for message in whole {
            prop_assert!(message.attributes_behind(0).unwrap().count() <= message.payload().len() / ATTRIBUTE_HEADER);
        }
    }
}

#[test]
fn malformed_bytes_end_the_iteration() {
    for bytes in [&[][..], &[1, 0], &[3, 0, 1, 0], &[200, 0, 1, 0, 7]] {
        assert_eq!(Attributes(bytes).count(), 0, "{bytes:?}");
        assert_eq!(Messages(bytes).count(), 0, "{bytes:?}");
    }
}

#[test]
fn what_is_left_of_a_message_is_an_error_once() {
    let mut writer = Writer::default();
    let header = Header { kind: 20, flags: Flags::REQUEST, sequence: 1 };
    (0..2).for_each(|_| writer.frame(header, &[], |writer| writer.text(1, "lo")));
    let bytes = writer.framed().unwrap();
    let second = bytes.len() / 2;
    assert!(strictly(&bytes).all(|message| message.is_ok()));
    for end in second + 1..bytes.len() {
        let read: Vec<_> = strictly(&bytes[..end]).map(|message| message.map(|message| message.kind)).collect();
        assert_eq!(read, [Ok(20), Err(Malformed)], "{end}");
    }
}

#[test]
fn the_type_of_an_attribute_is_without_its_flags() {
    let mut writer = Writer::default();
    writer.nest(7, |writer| writer.text(1, "a"));
    let bytes = writer.framed().unwrap();
    let attributes = Attributes(&bytes);
    assert_eq!(attributes.nest(7).text(1), Some("a"));
    assert_eq!(attributes.nest(8).text(1), None);
}
