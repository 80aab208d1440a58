//! One batch in netlink bytes: everything between `NFNL_MSG_BATCH_BEGIN` and `NFNL_MSG_BATCH_END`.
//!
//! Messages are numbered from 1 on, so that the sequence number in a refusal leads to the change it is about.

use std::iter::zip;

use rustables::{Batch, sys};

use super::{
    attributes::{Attributes, Message, Messages},
    describe::Origin,
    error::Error,
    expression::Encoded,
    wire::{ATTRIBUTE_HEADER, Flags, HEADER, Header, Writer},
};

/// A transaction in the making.
#[derive(Debug)]
pub(super) struct Transaction {
    writer: Writer,
    origins: Vec<Origin>,
}

/// A transaction to send.
#[derive(Debug)]
pub(super) struct Sealed {
    /// All messages.
    pub(super) bytes: Vec<u8>,
    origins: Vec<Origin>,
}

impl Transaction {
    /// An empty one.
    pub(super) fn new() -> Self {
        let mut writer = Writer::default();
        writer.message(Header::envelope(sys::NFNL_MSG_BATCH_BEGIN), |_| {});
        Self { writer, origins: Vec::new() }
    }

    /// A message of our own. What it is about may be known only when it is written.
    pub(super) fn message(&mut self, header: Header, attributes: impl FnOnce(&mut Writer) -> Origin) {
        let sequence = self.next_sequence();
        let origins = &mut self.origins;
        self.writer.message(Header { sequence, ..header }, |w| origins.push(attributes(w)));
    }

    /// Objects that `rustables` wrote: numbered anew, with our flags, and without its request to have every single
    /// message acknowledged.
    pub(super) fn splice(&mut self, flags: Flags, theirs: Batch, origin: Origin) {
        for message in objects(&theirs.finalize()) {
            self.message(header(&message, flags), |w| {
                w.raw(message.attributes().0);
                origin.clone()
            });
        }
    }

    /// Rules that `rustables` wrote with the expressions it has; the others are put in their places.
    pub(super) fn splice_rules(&mut self, theirs: Batch, rules: &[Vec<Encoded>], origins: impl Fn(usize) -> Origin) {
        let bytes = theirs.finalize();
        for (index, (message, expressions)) in zip(objects(&bytes), rules).enumerate() {
            self.message(header(&message, Flags::APPEND), |w| {
                let attributes = message.attributes();
                for (kind, value) in attributes.filter(|(kind, _)| *kind != sys::NFTA_RULE_EXPRESSIONS) {
                    w.bytes(kind, value);
                }
                // `rustables` leaves the list out where it has none of the expressions.
                let theirs = attributes.nest(sys::NFTA_RULE_EXPRESSIONS);
                w.nest(sys::NFTA_RULE_EXPRESSIONS, |w| weave(w, expressions, theirs));
                origins(index)
            });
        }
    }

    /// Ready to send.
    ///
    /// # Errors
    /// When a message was too long.
    pub(super) fn seal(mut self) -> Result<Sealed, Error> {
        let sequence = self.next_sequence();
        self.writer.message(Header { sequence, ..Header::envelope(sys::NFNL_MSG_BATCH_END) }, |_| {});
        Ok(Sealed { bytes: self.writer.finish()?, origins: self.origins })
    }

    /// `NFNL_MSG_BATCH_BEGIN` is 0.
    fn next_sequence(&self) -> u32 {
        u32::try_from(self.origins.len() + 1).unwrap_or(u32::MAX)
    }
}

impl Sealed {
    /// What the message with this number is about. The kernel's offset into the message may lead to one element.
    pub(super) fn origin(&self, sequence: u32, offset: Option<u32>) -> Option<Origin> {
        let index = usize::try_from(sequence).ok()?.checked_sub(1)?;
        let origin = self.origins.get(index)?;
        let message = Messages(&self.bytes).nth(index + 1)?;
        let element = offset.and_then(|offset| element_at(&message, usize::try_from(offset).ok()?));
        Some(element.and_then(|element| narrow(origin, element)).unwrap_or_else(|| origin.clone()))
    }
}

/// One item of an origin.
fn narrow(origin: &Origin, element: usize) -> Option<Origin> {
    let item = origin.items.start + element / origin.entries_per_item;
    origin.items.contains(&item).then(|| Origin { items: item..item + 1, ..origin.clone() })
}

/// Which entry of an element list an offset lies in.
fn element_at(message: &Message<'_>, offset: usize) -> Option<usize> {
    if message.kind & 0xff != sys::NFT_MSG_NEWSETELEM as u16 && message.kind & 0xff != sys::NFT_MSG_DELSETELEM as u16 {
        return None;
    }
    let mut position = HEADER;
    for (kind, value) in message.attributes() {
        position += ATTRIBUTE_HEADER;
        if kind != sys::NFTA_SET_ELEM_LIST_ELEMENTS {
            position += value.len().next_multiple_of(4);
            continue;
        }
        return Attributes(value).position(|(_, element)| {
            position += ATTRIBUTE_HEADER + element.len().next_multiple_of(4);
            offset < position
        });
    }
    None
}

fn header(message: &Message<'_>, flags: Flags) -> Header {
    Header { kind: message.kind, flags, sequence: 0, protocol: message.protocol(), resource: 0 }
}

/// The messages between the begin and the end of a batch.
fn objects(batch: &[u8]) -> impl Iterator<Item = Message<'_>> {
    Messages(batch).filter(|message| u32::from(message.kind >> 8) == sys::NFNL_SUBSYS_NFTABLES)
}

/// `theirs` holds, in order, exactly the expressions that are [`Encoded::Theirs`].
fn weave(w: &mut Writer, expressions: &[Encoded], mut theirs: Attributes<'_>) {
    for expression in expressions {
        match expression {
            Encoded::Ours(bytes) => w.raw(bytes),
            Encoded::Theirs(_) => {
                if let Some((kind, value)) = theirs.next() {
                    w.nest(kind, |w| w.raw(value));
                }
            }
        }
    }
}
