//! One packet in the chains of one table.

use std::net::IpAddr;

use super::Journey;
use super::path::{Effect, Hit};
use crate::ruleset::{Key, MapKey, Mark, MarkChange, Match, Name, Rule, SetKey, State, Statement, Table, Target};

/// `NFT_JUMP_STACK_SIZE`.
const MOST_JUMPS: usize = 16;

/// How a chain ends for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainEnd {
    /// With this source, and no rule is asked any more.
    Translated(IpAddr),
    /// As it is, and no rule of the base chain is asked any more.
    Accepted,
    /// Nowhere.
    Dropped,
    /// The chain that jumped there goes on; of a base chain the policy decides.
    Back,
}

/// A walk through a table, while another may be committed.
pub(super) struct ChainWalk<'a> {
    table: &'a Table,
    later: &'a Table,
    journey: &'a mut Journey,
    /// Look-ups before the commit.
    left: usize,
    /// What happened; none where it is not asked for.
    log: Option<Log>,
}

/// The log of a traced packet.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    pub(super) hits: Vec<Hit>,
    pub(super) effects: Vec<Effect>,
}

/// What comes after a statement.
enum Step {
    Next,
    NextRule,
    End(ChainEnd),
}

/// A look-up that found something.
struct LookupResult<'a> {
    key: MapKey,
    target: &'a Target,
}

impl<'a> ChainWalk<'a> {
    /// After so many look-ups the next ones are in the other table.
    pub(super) fn between(table: &'a Table, later: &'a Table, journey: &'a mut Journey, look_ups: usize) -> Self {
        Self { table, later, journey, left: look_ups, log: None }
    }

    /// A base chain without its policy, and what happened in it, where so many look-ups are left before the commit.
    pub(super) fn logged(
        [table, later]: [&'a Table; 2],
        left: &mut usize,
        journey: &'a mut Journey,
        name: &Name,
    ) -> (ChainEnd, Log) {
        let mut walk = Self { log: Some(Log::default()), ..Self::between(table, later, journey, *left) };
        let end = walk.next_base_chain(name);
        *left = walk.left;
        (end, walk.log.unwrap_or_default())
    }

    /// All of a base chain, without its policy.
    pub(super) fn base_chain(&mut self, name: &Name) -> ChainEnd {
        self.chain(name, 0)
    }

    /// The next base chain. Its rules are those of the moment in which the packet comes to it.
    pub(super) fn next_base_chain(&mut self, name: &Name) -> ChainEnd {
        if self.left == 0 {
            self.table = self.later;
        }
        self.base_chain(name)
    }

    fn chain(&mut self, name: &Name, depth: usize) -> ChainEnd {
        // The kernel takes no rules that nest deeper.
        if depth >= MOST_JUMPS {
            return ChainEnd::Back;
        }
        let rules = self.table.chains.get(name).map(|chain| chain.rules.as_slice()).unwrap_or_default();
        for (index, rule) in rules.iter().enumerate() {
            if !rule.matches.iter().all(|part| self.matches(part)) {
                continue;
            }
            if let Some(end) = self.rule(name, index, rule, depth) {
                return end;
            }
        }
        ChainEnd::Back
    }

    fn rule(&mut self, chain: &Name, index: usize, rule: &Rule, depth: usize) -> Option<ChainEnd> {
        let hit = self.log.as_ref().map_or(0, |log| log.hits.len());
        if let Some(log) = &mut self.log {
            log.hits.push(Hit { chain: chain.clone(), rule: index, element: None, tag: rule.tag.clone() });
        }
        for statement in &rule.statements {
            match self.statement(statement, hit, depth) {
                Step::Next => {}
                Step::NextRule => return None,
                Step::End(end) => return Some(end),
            }
        }
        None
    }

    fn statement(&mut self, statement: &Statement, hit: usize, depth: usize) -> Step {
        match statement {
            Statement::Counter => Step::Next,
            Statement::CountIn(counter) => self.effect(Effect::Counted(counter.clone())),
            Statement::Return => Step::End(ChainEnd::Back),
            Statement::Accept => Step::End(ChainEnd::Accepted),
            Statement::Drop => Step::End(ChainEnd::Dropped),
            Statement::Snat(address) | Statement::SnatToPorts(address, _) => Step::End(ChainEnd::Translated(*address)),
            Statement::SnatTo(field) => {
                self.journey.address(*field).map_or(Step::NextRule, |address| Step::End(ChainEnd::Translated(address)))
            }
            Statement::Jump(chain) => self.jump(chain, depth),
            Statement::Goto(chain) => Step::End(self.chain(chain, depth)),
            Statement::SnatBy(key, map) | Statement::VerdictBy(key, map) | Statement::SetMarkBy(key, map) => {
                self.by_map(key, map, hit, depth)
            }
            Statement::SetMark(mark, change) => self.change_mark(*mark, *change),
            Statement::SetMarkFromConnection(bits) => match self.journey.tracked().map(|known| known.mark & bits) {
                Some(mark) => self.change_mark(Mark::Packet, MarkChange::to(mark)),
                None => Step::NextRule,
            },
            Statement::Update(set, key, _) => self.update(set, key),
            Statement::NoTrack => {
                self.journey.connection.state = State::Untracked;
                Step::Next
            }
            Statement::ClampSegments => self.effect(Effect::Clamped),
        }
    }

    fn change_mark(&mut self, mark: Mark, change: MarkChange) -> Step {
        match mark {
            Mark::Packet => self.journey.mark = change.of(self.journey.mark),
            Mark::Connection if self.journey.connection.exists() => {
                self.journey.connection.mark = change.of(self.journey.connection.mark);
            }
            Mark::Connection => {}
        }
        Step::Next
    }

    fn by_map(&mut self, key: &Key, map: &Name, hit: usize, depth: usize) -> Step {
        let Some(LookupResult { key, target }) = self.look_up(key, map) else { return Step::NextRule };
        if let Some(hit) = self.log.as_mut().and_then(|log| log.hits.get_mut(hit)) {
            hit.element = Some((map.clone(), key));
        }
        match target {
            Target::Address(address) => Step::End(ChainEnd::Translated(*address)),
            Target::Jump(chain) => self.jump(chain, depth),
            Target::Mark(mark) => {
                self.journey.mark = *mark;
                Step::Next
            }
            Target::Nothing => Step::NextRule,
        }
    }

    fn jump(&mut self, chain: &Name, depth: usize) -> Step {
        match self.chain(chain, depth + 1) {
            ChainEnd::Back => Step::Next,
            end @ (ChainEnd::Translated(_) | ChainEnd::Accepted | ChainEnd::Dropped) => Step::End(end),
        }
    }

    fn update(&mut self, set: &Name, key: &Key) -> Step {
        let Some(key) = self.journey.set_key(key) else { return Step::NextRule };
        self.journey.passing.insert((set.clone(), key));
        self.effect(Effect::Updated(set.clone(), key))
    }

    fn effect(&mut self, effect: Effect) -> Step {
        if let Some(log) = &mut self.log {
            log.effects.push(effect);
        }
        Step::Next
    }

    /// The table at this moment; it counts.
    fn now(&mut self) -> &'a Table {
        let before = self.left > 0;
        self.left = self.left.saturating_sub(1);
        if before { self.table } else { self.later }
    }

    fn look_up(&mut self, key: &Key, map: &Name) -> Option<LookupResult<'a>> {
        let elements = &self.now().maps.get(map)?.elements;
        let key = self.journey.map_key(key)?;
        elements.get(&key).map(|element| LookupResult { key, target: &element.target })
    }

    fn matches(&mut self, part: &Match) -> bool {
        match part {
            Match::In(key, set) => self.is_in(key, set) == Some(true),
            Match::NotIn(key, set) => self.is_in(key, set) == Some(false),
            Match::Destination(_)
            | Match::SourcePort(_)
            | Match::DestinationPort(_)
            | Match::Protocol(_)
            | Match::Interface(..)
            | Match::Mark(..)
            | Match::State(_)
            | Match::Direction(_)
            | Match::SourceTranslated
            | Match::ToThisNode
            | Match::SourceOfOthers
            | Match::SourceNotBehindDevice
            | Match::TcpFlags(_)
            | Match::NeighbourAdvertisement
            | Match::Tunnel(_) => self.journey.meets(part),
        }
    }

    /// None where the packet has no such field.
    fn is_in(&mut self, key: &Key, name: &Name) -> Option<bool> {
        if self.table.maps.contains_key(name) {
            let found = self.look_up(key, name).is_some();
            return self.journey.map_key(key).map(|_| found);
        }
        let now = self.now();
        let key: SetKey = self.journey.set_key(key)?;
        let passes = || self.journey.passing.contains(&(name.clone(), key));
        Some(now.sets.get(name).is_some_and(|set| set.has(key) || passes()))
    }
}
