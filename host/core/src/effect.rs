//! The effects on a node, in order. Parts of a node (nft, routes, ...) depend on each other through the packets that
//! meet them, so the order between parts is a type.

use std::fmt::{self, Display, Formatter};

/// When an effect has its turn, whatever part it is of: all of a phase is done before anything of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Put up what holds traffic back: guards, fences, routes that refuse. Later than the next phase, a packet that
    /// already goes the new way would leave by the default route wherever the rest of that way is not there yet.
    Arm,
    /// Make what nothing leads to yet: chains, wider sets, devices, routes. Later than the next phase, a packet would
    /// be sent to a chain without rules, or by a route that is not there, and leave with its pod's own address.
    Make,
    /// Send packets the new way. Later than the next phase, a packet would meet neither the old way nor the new one.
    Switch,
    /// Take away the old way, to which nothing leads any more. Later than the next phase, the next packet of a
    /// connection that was severed would go the old way once more, and open the same connection again.
    Break,
    /// End connections that were made the old way. Later than the next phase, a packet of such a connection would meet
    /// no guard, and leave with the address that the connection had, or with its pod's own.
    Sever,
    /// Take down what held traffic back. Earlier, see [`Self::Arm`] and [`Self::Sever`].
    Disarm,
}

impl Phase {
    /// In order.
    pub const ALL: [Self; 6] = [Self::Arm, Self::Make, Self::Switch, Self::Break, Self::Sever, Self::Disarm];

    /// When the part of this number has its turn in it. A part may lean on those before it (a route on a device), so
    /// what is made begins with the first part, and what is taken away with the last.
    fn turn(self, part: usize) -> usize {
        match self {
            Self::Arm | Self::Make | Self::Switch => part,
            Self::Break | Self::Sever | Self::Disarm => usize::MAX - part,
        }
    }
}

impl Display for Phase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arm => "arm",
            Self::Make => "make",
            Self::Switch => "switch",
            Self::Break => "break",
            Self::Sever => "sever",
            Self::Disarm => "disarm",
        })
    }
}

/// One change of one part, and when it has its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect<C> {
    /// The phase of the round in which it is applied.
    pub phase: Phase,
    /// What the kernel takes over in one step, or not at all.
    pub change: C,
}

impl<C> Effect<C> {
    /// The same, with the change in another form.
    pub fn map<D>(self, convert: impl FnOnce(C) -> D) -> Effect<D> {
        Effect { phase: self.phase, change: convert(self.change) }
    }
}

/// The effects of all parts, in the order in which they are carried out. Whoever does that ends at the first that
/// fails: every phase relies on those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effects<C> {
    effects: Vec<Effect<C>>,
}

impl<C> Effects<C> {
    /// By phase, within a phase by part, and within a part as they come. `parts` are given so that each leans only on
    /// those before it.
    pub fn ordered(parts: impl IntoIterator<Item = Vec<Effect<C>>>) -> Self {
        let number = |(number, part): (usize, Vec<_>)| part.into_iter().map(move |effect| (number, effect));
        let mut numbered: Vec<(usize, Effect<C>)> = parts.into_iter().enumerate().flat_map(number).collect();
        // Stable: what comes of one part in one phase stays as it is.
        numbered.sort_by_key(|(number, effect)| (effect.phase, effect.phase.turn(*number)));
        Self { effects: numbered.into_iter().map(|(_, effect)| effect).collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// In order.
    pub fn iter(&self) -> std::slice::Iter<'_, Effect<C>> {
        self.effects.iter()
    }
}

impl<C> IntoIterator for Effects<C> {
    type Item = Effect<C>;
    type IntoIter = std::vec::IntoIter<Effect<C>>;

    fn into_iter(self) -> Self::IntoIter {
        self.effects.into_iter()
    }
}

impl<'e, C> IntoIterator for &'e Effects<C> {
    type Item = &'e Effect<C>;
    type IntoIter = std::slice::Iter<'e, Effect<C>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<C: Display> Display for Effects<C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|Effect { phase, change }| write!(f, "# {phase}\n{change}"))
    }
}
