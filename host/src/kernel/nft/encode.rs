//! A batch of changes as netlink bytes.

use egressd_core::{
    diff::{Batch, Change, Verb},
    ruleset::{Layout, Name, Rule},
};
use rustables::{Chain, MsgType, Table};

use super::{
    describe::Origin,
    elements::{self, ChangeOrigin, keys, userdata},
    error::Error,
    expression::{Encoded, Expression, protocol_family},
    objects, rule,
    transaction::{Sealed, Transaction},
    wire::Flags,
};

/// Who may write to a table (`NFT_TABLE_F_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// Only the socket that made it, and it survives the socket. Both or none: with `OWNER` alone the kernel
    /// deletes the table when its owner dies (P6).
    Exclusive,
    /// Everybody: kernels before 6.9.
    Shared,
}

/// `NFT_TABLE_F_OWNER` (Linux 5.12).
pub(super) const OWNER: u32 = 2;

/// `NFT_TABLE_F_PERSIST` (Linux 6.9); newer than the headers that many distributions ship.
pub(super) const PERSIST: u32 = 4;

impl Ownership {
    fn flags(self) -> u32 {
        match self {
            Self::Exclusive => OWNER | PERSIST,
            Self::Shared => 0,
        }
    }
}

/// All changes, in order.
///
/// # Errors
/// When something is longer than netlink can say.
pub(super) fn encode(batch: &Batch, ownership: Ownership) -> Result<Sealed, Error> {
    let mut transaction = Transaction::new();
    for (index, change) in batch.changes.iter().enumerate() {
        encode_change(&mut transaction, ChangeOrigin { change, index }, ownership)?;
    }
    transaction.seal()
}

/// Takes a table over that has no owner.
///
/// # Errors
/// Never for a table with a name of ours.
pub(super) fn encode_adoption(change: &Change, layout: Layout) -> Result<Sealed, Error> {
    let mut transaction = Transaction::new();
    add_table(&mut transaction, ChangeOrigin { change, index: 0 }, layout, Flags::UPDATE, Ownership::Exclusive);
    transaction.seal()
}

fn encode_change(t: &mut Transaction, place: ChangeOrigin<'_>, ownership: Ownership) -> Result<(), Error> {
    match &place.change.verb {
        Verb::AddTable(layout) => add_table(t, place, *layout, Flags::CREATE, ownership),
        Verb::DeleteTable => delete_table(t, place),
        Verb::WakeTable => wake_table(t, place),
        Verb::AddSet(set, kind) => keys::add_set(t, place, set, *kind),
        Verb::DeleteSet(name) | Verb::DeleteMap(name) => elements::delete_set(t, place, name),
        Verb::RefillSet(set, ranges) => elements::refill_set(t, place, set, ranges),
        Verb::AddRanges(set, ranges) => elements::add_ranges(t, place, set, ranges),
        Verb::DeleteRanges(set, ranges) => elements::delete_ranges(t, place, set, ranges),
        Verb::AddMembers(set, members) => elements::add_members(t, place, set, members),
        Verb::DeleteMembers(set, members) => elements::delete_members(t, place, set, members),
        Verb::AddKeys(set, _, all) => keys::add_keys(t, place, set, all),
        Verb::DeleteKeys(set, _, all) => keys::delete_keys(t, place, set, all),
        Verb::AddTimed(set, _, all) => keys::add_timed(t, place, set, all),
        Verb::AddCounter(counter) => objects::add_counter(t, place, counter),
        Verb::DeleteCounter(counter) => objects::delete_counter(t, place, counter),
        Verb::AddMap(map, kind) => elements::add_map(t, place, map, *kind),
        Verb::AddElements(map, _, all) => elements::add_elements(t, place, map, all),
        Verb::DeleteElements(map, _, keys) => elements::delete_elements(t, place, map, keys),
        Verb::AddChain(chain, hook) => objects::add_chain(t, place, chain, hook.as_ref()),
        Verb::DeleteChain(chain) => delete_chain(t, place, chain),
        Verb::AddRules(chain, rules) => add_rules(t, place, chain, rules)?,
        Verb::FlushRules(chain) => flush_rules(t, place, chain)?,
    }
    Ok(())
}

fn table(change: &Change) -> Table {
    Table::new(protocol_family(change.family)).with_name(change.table.as_str())
}

fn chain(change: &Change, name: &Name) -> Chain {
    Chain::new(&table(change)).with_name(name.as_str())
}

fn add_table(t: &mut Transaction, place: ChangeOrigin<'_>, layout: Layout, flags: Flags, ownership: Ownership) {
    let marker = userdata::comment(&layout.comment());
    let marked = table(place.change).with_flags(ownership.flags()).with_userdata(marker);
    let mut theirs = rustables::Batch::new();
    theirs.add(&marked, MsgType::Add);
    t.splice(flags, theirs, Origin::whole(place.index));
}

/// Without flags. A table that has an owner cannot be asleep: the kernel refuses every change of its flags.
fn wake_table(t: &mut Transaction, place: ChangeOrigin<'_>) {
    let mut theirs = rustables::Batch::new();
    theirs.add(&table(place.change).with_flags(0u32), MsgType::Add);
    t.splice(Flags::UPDATE, theirs, Origin::whole(place.index));
}

fn delete_table(t: &mut Transaction, place: ChangeOrigin<'_>) {
    let mut theirs = rustables::Batch::new();
    theirs.add(&table(place.change), MsgType::Del);
    t.splice(Flags::REQUEST, theirs, Origin::whole(place.index));
}

fn delete_chain(t: &mut Transaction, place: ChangeOrigin<'_>, name: &Name) {
    let mut theirs = rustables::Batch::new();
    theirs.add(&chain(place.change, name), MsgType::Del);
    t.splice(Flags::REQUEST, theirs, Origin::whole(place.index));
}

fn add_rules(t: &mut Transaction, place: ChangeOrigin<'_>, name: &Name, rules: &[Rule]) -> Result<(), Error> {
    let chain = chain(place.change, name);
    let mut theirs = rustables::Batch::new();
    let mut encoded = Vec::with_capacity(rules.len());
    for rule in rules {
        let expressions: Vec<Encoded> =
            rule::expressions(place.change.family, rule).iter().map(Expression::encode).collect::<Result<_, _>>()?;
        let mut object = rule_of(&chain)?;
        if let Some(tag) = &rule.tag {
            object.set_userdata(userdata::comment(tag.as_str()));
        }
        for expression in &expressions {
            if let Encoded::Theirs(expression) = expression {
                object.add_expr((**expression).clone());
            }
        }
        theirs.add(&object, MsgType::Add);
        encoded.push(expressions);
    }
    t.splice_rules(theirs, &encoded, |rule| Origin::items(place.index, rule..rule + 1));
    Ok(())
}

/// Without a handle it means all rules of the chain.
fn flush_rules(t: &mut Transaction, place: ChangeOrigin<'_>, name: &Name) -> Result<(), Error> {
    let mut theirs = rustables::Batch::new();
    theirs.add(&rule_of(&chain(place.change, name))?, MsgType::Del);
    t.splice(Flags::REQUEST, theirs, Origin::whole(place.index));
    Ok(())
}

fn rule_of(chain: &Chain) -> Result<rustables::Rule, Error> {
    // It fails for a chain without a name, and ours have one.
    rustables::Rule::new(chain).map_err(|_| Error::TooLong)
}

#[cfg(test)]
mod tests {
    use egressd_core::{
        net::{Family, PortRange, Protocol},
        ruleset::{Match, SetKind, Statement, TableFamily},
    };
    use rustables::sys;

    use super::{
        super::attributes::{Attributes, Messages},
        *,
    };

    fn name(text: &str) -> Name {
        Name::new(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn sealed(verbs: impl IntoIterator<Item = Verb>) -> Sealed {
        let change = |verb| Change { family: TableFamily::Ip, table: name("t"), verb };
        encode(&Batch { changes: verbs.into_iter().map(change).collect() }, Ownership::Shared)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn messages_are_numbered_through_and_none_asks_for_an_acknowledgement() {
        let sealed = sealed([
            Verb::AddTable(Layout::OURS),
            Verb::AddSet(name("s"), SetKind::Ranges(Family::Ipv4)),
            Verb::FlushRules(name("c")),
        ]);
        let numbers: Vec<u32> = Messages(&sealed.bytes).map(|message| message.sequence).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
        assert!(Messages(&sealed.bytes).all(|message| u32::from(message.flags) & sys::NLM_F_ACK == 0));
    }

    #[test]
    fn our_expressions_and_theirs_keep_their_order() {
        let ports = PortRange::new(Protocol::Tcp, 80, 90).unwrap_or_else(|error| panic!("{error}"));
        let matches = vec![Match::destination_in(Family::Ipv4, name("s")), Match::DestinationPort(ports)];
        let sealed = sealed([Verb::AddRules(name("c"), vec![Rule::new(matches, [Statement::Return])])]);
        let rule = Messages(&sealed.bytes).nth(1).map(|message| message.attributes().nest(sys::NFTA_RULE_EXPRESSIONS));
        let names =
            rule.into_iter().flatten().map(|(_, e)| Attributes(e).text(sys::NFTA_EXPR_NAME).unwrap_or_default());
        assert_eq!(names.collect::<Vec<_>>(), ["payload", "lookup", "meta", "cmp", "payload", "range", "immediate"]);
    }

    #[test]
    fn an_offset_leads_to_one_rule_or_element() {
        let rule = Rule::always(Statement::Return);
        let sealed = sealed([Verb::AddChain(name("c"), None), Verb::AddRules(name("c"), vec![rule.clone(), rule])]);
        assert_eq!(sealed.origin(3, None), Some(Origin::items(1, 1..2)));
        assert_eq!(sealed.origin(0, None), None, "all of the batch");
    }
}
