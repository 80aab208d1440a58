//! The user data of nft (`libnftnl/udata.h`): a list of type, length, value.

/// `NFTNL_UDATA_SET_ELEM_COMMENT`, `NFTNL_UDATA_TABLE_COMMENT`.
const COMMENT: u8 = 0;
/// `NFTNL_UDATA_SET_KEYBYTEORDER`.
const KEY_BYTE_ORDER: u8 = 0;
/// `NFTNL_UDATA_SET_DATABYTEORDER`.
const DATA_BYTE_ORDER: u8 = 1;
/// `NFTNL_UDATA_SET_KEY_TYPEOF`.
const KEY_TYPE_OF: u8 = 3;
/// `NFTNL_UDATA_SET_TYPEOF_EXPR`, and `EXPR_PAYLOAD` of nft's `expression.h`.
const EXPRESSION: u8 = 0;
const PAYLOAD: u32 = 7;
/// `NFTNL_UDATA_SET_TYPEOF_DATA`.
const EXPRESSION_DATA: u8 = 1;
/// `NFTNL_UDATA_SET_KEY_PAYLOAD_*`, of which the first two are 0 for a part without a name.
const DESCRIPTION: u8 = 0;
const PART_TYPE: u8 = 1;
const PART_BASE: u8 = 2;
const PART_OFFSET: u8 = 3;
const PART_LENGTH: u8 = 4;
/// `PROTO_BASE_TRANSPORT_HDR` of nft's `proto.h`.
const TRANSPORT_HEADER: u32 = 3;
/// `NFTNL_UDATA_SET_COMMENT`.
const SET_COMMENT: u8 = 7;
/// The order of the bytes of a value (`enum byteorder` of nft's `datatype.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel::nft) enum Order {
    /// The machine's: what is not of the packet itself.
    Machine,
    /// The network's.
    Network,
}

impl Order {
    fn number(self) -> u32 {
        match self {
            Self::Machine => 1,
            Self::Network => 2,
        }
    }
}

/// A comment, with its final NUL. It is cut where nft would not read on.
pub(in crate::kernel::nft) fn comment(text: &str) -> Vec<u8> {
    text_entry(COMMENT, text)
}

fn text_entry(kind: u8, text: &str) -> Vec<u8> {
    let length = text.floor_char_boundary(egressd_core::ruleset::LONGEST_COMMENT);
    let text = &text.as_bytes()[..length];
    let length = u8::try_from(text.len() + 1).unwrap_or(u8::MAX);
    [&[kind, length], text, &[0]].concat()
}

/// The comment in some user data.
pub(in crate::kernel::nft) fn read_comment(list: &[u8]) -> Option<&str> {
    read_text(list, COMMENT)
}

fn read_text(mut list: &[u8], wanted: u8) -> Option<&str> {
    while let [kind, length, rest @ ..] = list {
        let (value, rest) = rest.split_at_checked(usize::from(*length))?;
        if *kind == wanted {
            return crate::kernel::nft::attributes::text(value);
        }
        list = rest;
    }
    None
}

/// Without the order of keys and data, nft prints ranges of addresses backwards.
pub(in crate::kernel::nft) fn of_set(keys: Order, data: Order, comment: Option<&str>) -> Vec<u8> {
    let entry = |kind: u8, order: Order| [&[kind, 4][..], &order.number().to_ne_bytes()].concat();
    let comment = comment.map(|text| text_entry(SET_COMMENT, text)).unwrap_or_default();
    [entry(KEY_BYTE_ORDER, keys), entry(DATA_BYTE_ORDER, data), comment].concat()
}

/// What `typeof @th,64,128` says: an integer alone could be of any length, and nft would not take its own listing.
pub(in crate::kernel::nft) fn type_of_neighbour_target() -> Vec<u8> {
    let number = |kind: u8, value: u32| [&[kind, 4][..], &value.to_ne_bytes()].concat();
    let nest = |kind: u8, list: Vec<u8>| [&[kind, u8::try_from(list.len()).unwrap_or(u8::MAX)][..], &list].concat();
    let part = [
        number(DESCRIPTION, 0),
        number(PART_TYPE, 0),
        number(PART_BASE, TRANSPORT_HEADER),
        number(PART_OFFSET, 64),
        number(PART_LENGTH, 128),
    ];
    nest(KEY_TYPE_OF, [number(EXPRESSION, PAYLOAD), nest(EXPRESSION_DATA, part.concat())].concat())
}

pub(in crate::kernel::nft) fn read_set_comment(list: &[u8]) -> Option<&str> {
    read_text(list, SET_COMMENT)
}
