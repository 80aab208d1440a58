//! The interface between a part and its holder: the kernel, or a fake of it.

use super::Part;

/// Something that holds a part of a node.
pub trait Adapter {
    /// The part of the node that it holds.
    type Part: Part;

    /// By what egressd's own objects are known: names of tables, the number of a protocol.
    type OwnObjects: ?Sized;

    type Error;

    /// Makes what an earlier process left behind our own, so that others cannot write to it. It changes no packet (P6).
    /// Where there is nothing to adopt it does nothing.
    ///
    /// # Errors
    /// When it has another owner, or is not one of egressd's (P10).
    fn adopt(&mut self, ours: &Self::OwnObjects) -> Result<(), Self::Error>;

    /// What there is of ours, and whether that is the state of one moment.
    ///
    /// # Errors
    /// When it cannot be read, or is not one of egressd's (P10).
    fn read(&mut self, ours: &Self::OwnObjects) -> Result<Readback<Self::Part>, Self::Error>;

    /// Makes a change in one step, or nothing of it.
    ///
    /// # Errors
    /// When it is refused, with what was refused.
    fn commit(&mut self, change: &<Self::Part as Part>::Change) -> Result<(), Self::Error>;
}

/// The state of a part, as read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readback<P: Part> {
    /// All that the part's vocabulary can say.
    pub state: P::State,
    /// All else where only egressd's own should be: another program put it there.
    pub foreign: Vec<Foreign<P::Change>>,
    pub certainty: Certainty,
}

/// Whether what was read is the state of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certainty {
    /// It is, and no other program can change it.
    Exclusive,
    /// It is.
    #[default]
    Settled,
    /// Parts of it may be of different moments, since other programs kept changing the kernel meanwhile.
    Uncertain,
}

/// Something among ours that egressd never makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign<C> {
    /// What it is, as in "rule 3 of chain egress_postrouting in table ip kube_vip_v4".
    pub what: String,
    /// What removes it, to go before anything else is changed; none when only taking away all of ours would.
    pub removal: Option<C>,
}
