//! Lists of elements, in as many messages as they need.

use std::iter::Peekable;

use egressd_core::ruleset::Name;
use rustables::sys;

use super::ChangeOrigin;
use crate::kernel::nft::{
    describe::Origin,
    transaction::Transaction,
    wire::{Flags, Header, Writer},
};

/// An element list is closed when it gets longer than this. No entry is longer than a kilobyte, so the list stays
/// under the 64 KiB that its length field can say.
const MAX_LIST: usize = 48 * 1024;

/// What is done with the elements of a set.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    place: ChangeOrigin<'a>,
    header: Header,
    set: &'a Name,
    entries_per_item: usize,
}

impl<'a> List<'a> {
    /// They are added; none of them is there.
    pub(super) fn added(place: ChangeOrigin<'a>, set: &'a Name) -> Self {
        Self::new(place, place.header(sys::NFT_MSG_NEWSETELEM, Flags::CREATE), set)
    }

    /// They are added where they are not there.
    pub(super) fn kept(place: ChangeOrigin<'a>, set: &'a Name) -> Self {
        Self::new(place, place.header(sys::NFT_MSG_NEWSETELEM, Flags::UPDATE), set)
    }

    /// They are deleted; all of them are there.
    pub(super) fn deleted(place: ChangeOrigin<'a>, set: &'a Name) -> Self {
        Self::new(place, place.header(sys::NFT_MSG_DELSETELEM, Flags::REQUEST), set)
    }

    fn new(place: ChangeOrigin<'a>, header: Header, set: &'a Name) -> Self {
        Self { place, header, set, entries_per_item: 1 }
    }

    /// Each item is two entries: where it begins and where it ends.
    pub(super) fn of_ranges(self) -> Self {
        Self { entries_per_item: 2, ..self }
    }

    /// One message for as many items as fit.
    pub(super) fn write<T>(self, transaction: &mut Transaction, items: &[T], write: impl Fn(&mut Writer, &T)) {
        let Self { place, header, set, entries_per_item } = self;
        let mut rest = items.iter().enumerate().peekable();
        while let Some((first, _)) = rest.peek().copied() {
            transaction.message(header, |w| {
                write_list_head(w, place, set);
                w.nest(sys::NFTA_SET_ELEM_LIST_ELEMENTS, |w| write_some(w, &mut rest, &write));
                let next = rest.peek().map_or(items.len(), |(next, _)| *next);
                Origin { entries_per_item, ..Origin::items(place.index, first..next) }
            });
        }
    }
}

fn write_some<'a, T: 'a>(
    w: &mut Writer,
    rest: &mut Peekable<impl Iterator<Item = (usize, &'a T)>>,
    write: impl Fn(&mut Writer, &T),
) {
    let start = w.len();
    while w.len() - start < MAX_LIST
        && let Some((_, item)) = rest.next()
    {
        write(w, item);
    }
}

pub(super) fn write_list_head(w: &mut Writer, place: ChangeOrigin<'_>, set: &Name) {
    w.text(sys::NFTA_SET_ELEM_LIST_TABLE, place.change.table.as_str());
    w.text(sys::NFTA_SET_ELEM_LIST_SET, set.as_str());
}
