//! From hook to hook: the chains that a packet passes, the rules that apply, and its end.

use super::walk::{ChainEnd, ChainWalk, Log};
use super::{Frame, Hop, Journey, Seen};
use crate::ruleset::{
    ChainKind, Direction, Hook, Interface, InterfaceDirection, MapKey, Name, Point, Policy, Ruleset, SetKey, State,
    Table, TableFamily, Tag,
};

/// What became of a packet, and why.
#[derive(Clone, Debug)]
pub struct Path {
    /// The base chains that it came to, in order.
    pub visits: Vec<Visit>,
    pub fate: PathEnd,
    /// Which source the receiver sees.
    pub seen: Seen,
    /// The packet with all that rules have changed of it.
    pub journey: Journey,
}

/// A base chain that a packet came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Of the table of this family.
    pub family: TableFamily,
    pub chain: Name,
    pub point: Point,
    /// The rules whose conditions held, in it and in what it led to.
    pub hits: Vec<Hit>,
    /// What they did beside ending it.
    pub effects: Vec<Effect>,
    /// How it ended, before the policy.
    pub end: ChainEnd,
}

/// A rule whose conditions held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub chain: Name,
    /// Which of its rules, from 0 on.
    pub rule: usize,
    /// The map that it looked into and the element that it found there.
    pub element: Option<(Name, MapKey)>,
    /// The subject that the rule belongs to.
    pub tag: Option<Tag>,
}

/// Something that a rule did and that is not to be seen of the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A counter of the table went on.
    Counted(Name),
    /// A key of a set began its time anew.
    Updated(Name, SetKey),
    /// The segments of the connection became as small as the route.
    Clamped,
}

/// How a packet ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEnd {
    /// A process of the node has it.
    Here,
    /// It left by a device.
    Left(Interface),
    /// A chain dropped it there.
    Dropped(Point),
    /// It had no route.
    Unreachable,
}

/// Follows a packet from hook to hook.
pub fn follow(ruleset: &Ruleset, journey: &Journey) -> Path {
    follow_over(ruleset, ruleset, journey, usize::MAX)
}

/// The same where a batch is committed while the packet is on its way: after so many look-ups. All rules of a base chain
/// are those of the moment in which it came there, and every look-up is of its own moment.
pub fn follow_over(ruleset: &Ruleset, later: &Ruleset, journey: &Journey, left: usize) -> Path {
    let known = journey.connection;
    let is_translated = known.exists() && known.is_source_translated() && known.direction == Direction::Original;
    let seen = if is_translated { Seen::As(known.reply.1) } else { Seen::Untranslated };
    let mut follower = Follower { ruleset, later, left, journey: journey.clone(), visits: Vec::new(), seen };
    let fate = follower.go().unwrap_or_else(PathEnd::Dropped);
    Path { visits: follower.visits, fate, seen: follower.seen, journey: follower.journey }
}

impl Journey {
    /// The device that it comes or leaves by.
    pub(super) fn device(&self, way: InterfaceDirection) -> Option<Interface> {
        match way {
            InterfaceDirection::In => self.came_by,
            InterfaceDirection::Out => match self.next() {
                Hop::Device(device) => Some(device),
                Hop::Here | Hop::Unreachable => None,
            },
        }
    }

    /// Where its mark leads it.
    fn next(&self) -> Hop {
        self.routes.iter().find(|route| route.mark.holds(self.mark)).map_or(self.hop, |route| route.hop)
    }
}

struct Follower<'a> {
    ruleset: &'a Ruleset,
    later: &'a Ruleset,
    /// Look-ups before the commit.
    left: usize,
    journey: Journey,
    visits: Vec<Visit>,
    seen: Seen,
}

/// A base chain and its table.
struct Base<'a> {
    family: TableFamily,
    table: &'a Table,
    name: &'a Name,
    hook: &'a Hook,
}

impl Follower<'_> {
    /// Where it gets to; where it is dropped, if it is.
    fn go(&mut self) -> Result<PathEnd, Point> {
        if self.journey.came_by.is_some() {
            self.through(Point::Ingress)?;
            self.through(Point::Prerouting)?;
        } else {
            self.through(Point::Output)?;
        }
        // What comes later in its way changes its mark, but it is routed by now.
        let hop = self.journey.next();
        self.journey.routes.clear();
        self.journey.hop = hop;
        match hop {
            Hop::Unreachable => return Ok(PathEnd::Unreachable),
            Hop::Here => {
                self.through(Point::Input)?;
                return Ok(PathEnd::Here);
            }
            Hop::Device(_) if self.journey.came_by.is_some() => self.through(Point::Forward)?,
            Hop::Device(_) => {}
        }
        // Of an open connection, the kernel translates every packet as it did the first.
        if let Seen::As(source) = self.seen {
            self.journey.packet.source = source;
        }
        self.through(Point::Postrouting)?;
        self.through(Point::Egress)?;
        match hop {
            Hop::Device(device) => Ok(PathEnd::Left(device)),
            Hop::Here | Hop::Unreachable => Ok(PathEnd::Unreachable),
        }
    }

    fn through(&mut self, point: Point) -> Result<(), Point> {
        let now = if self.left == 0 { self.later } else { self.ruleset };
        for base in self.chains(now, point) {
            if base.hook.kind == ChainKind::Nat && !self.is_translated_now() {
                continue;
            }
            let over = [self.ruleset, self.later].map(|ruleset| ruleset.tables.get(&base.family).unwrap_or(base.table));
            let (end, Log { hits, effects }) = ChainWalk::logged(over, &mut self.left, &mut self.journey, base.name);
            let (family, chain) = (base.family, base.name.clone());
            self.visits.push(Visit { family, chain, point, hits, effects, end });
            self.take(end, base.hook.policy, point)?;
        }
        Ok(())
    }

    /// The first packet of a connection asks NAT chains, until one has translated it.
    fn is_translated_now(&self) -> bool {
        self.journey.connection.state == State::New && self.seen == Seen::Untranslated
    }

    fn take(&mut self, end: ChainEnd, policy: Policy, point: Point) -> Result<(), Point> {
        match (end, policy) {
            (ChainEnd::Dropped, _) | (ChainEnd::Back, Policy::Drop) => Err(point),
            (ChainEnd::Accepted, _) | (ChainEnd::Back, Policy::Accept) => Ok(()),
            (ChainEnd::Translated(address), _) => {
                self.seen = Seen::As(address);
                self.journey.packet.source = address;
                self.journey.connection.reply.1 = address;
                Ok(())
            }
        }
    }

    /// The base chains that such a packet comes to there, by priority.
    fn chains<'r>(&self, ruleset: &'r Ruleset, point: Point) -> Vec<Base<'r>> {
        let mut bases: Vec<Base<'r>> = Vec::new();
        for (family, table) in ruleset.tables.iter().filter(|(family, _)| self.is_for(**family)) {
            let hooked = table.chains.iter().filter_map(|(name, chain)| Some((name, chain.hook.as_ref()?)));
            let here = hooked.filter(|(_, hook)| hook.point == point && self.comes_by(hook, point));
            bases.extend(here.map(|(name, hook)| Base { family: *family, table, name, hook }));
        }
        bases.sort_by_key(|base| base.hook.priority);
        bases
    }

    fn is_for(&self, family: TableFamily) -> bool {
        let of_address = TableFamily::of(self.journey.packet.source);
        match family {
            TableFamily::Ip | TableFamily::Ip6 => family == of_address && !self.is_arp(),
            TableFamily::Inet => !self.is_arp(),
            TableFamily::Arp => self.is_arp(),
            TableFamily::Netdev => true,
        }
    }

    fn is_arp(&self) -> bool {
        match self.journey.frame {
            Frame::Arp(_) => true,
            Frame::Ip | Frame::NeighbourAdvertisement(_) => false,
        }
    }

    fn comes_by(&self, hook: &Hook, point: Point) -> bool {
        let way = if point == Point::Egress { InterfaceDirection::Out } else { InterfaceDirection::In };
        hook.devices.is_empty() || self.journey.device(way).is_some_and(|device| hook.devices.contains(&device))
    }
}
