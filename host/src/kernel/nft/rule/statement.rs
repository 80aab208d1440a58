//! Statements as instructions.

use std::net::IpAddr;

use egressd_core::{
    net::{Family, PortSpan},
    ruleset::{Mark, MarkChange, Statement},
};

use super::{Program, address_bytes};
use crate::kernel::nft::expression::{Expression, LookupResult, Ports, Slot, Source};

impl Program {
    pub(super) fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Counter => self.push(Expression::Count),
            Statement::CountIn(counter) => self.push(Expression::CountIn(counter.clone())),
            Statement::Return => self.push(Expression::Return),
            Statement::Accept => self.push(Expression::Accept),
            Statement::Drop => self.push(Expression::Drop),
            Statement::Jump(chain) => self.push(Expression::Jump(chain.clone())),
            Statement::Goto(chain) => self.push(Expression::Goto(chain.clone())),
            Statement::Snat(address) => self.source_nat(*address),
            Statement::SnatToPorts(address, ports) => self.source_nat_to_ports(*address, *ports),
            Statement::SnatTo(field) => {
                self.key(&(*field).into());
                self.expressions.extend(field.family().map(|family| Expression::SourceNat(family, Ports::Any)));
            }
            Statement::SnatBy(key, map) => {
                self.look_up(key, map, LookupResult::Data);
                self.expressions.extend(key.family().map(|family| Expression::SourceNat(family, Ports::Any)));
            }
            Statement::VerdictBy(key, map) => self.look_up(key, map, LookupResult::Verdict),
            Statement::SetMark(mark, change) => self.set_mark(*mark, *change),
            Statement::SetMarkFromConnection(bits) => self.set_mark_from_connection(*bits),
            Statement::SetMarkBy(key, map) => {
                self.look_up(key, map, LookupResult::Data);
                self.push(Expression::Store(Mark::Packet));
            }
            Statement::Update(set, key, timeout) => {
                self.key(key);
                self.push(Expression::Update(set.clone(), *timeout));
            }
            Statement::NoTrack => self.push(Expression::NoTrack),
            Statement::ClampSegments => {
                self.load(Source::SegmentSize);
                self.push(Expression::NetworkOrder);
                self.push(Expression::WriteSegmentSize);
            }
        }
    }

    fn source_nat(&mut self, address: IpAddr) {
        self.push(Expression::Constant(address_bytes(address), Slot::FIRST));
        self.push(Expression::SourceNat(Family::of(address), Ports::Any));
    }

    fn source_nat_to_ports(&mut self, address: IpAddr, ports: PortSpan) {
        let port = |port: u16, slot| Expression::Constant(port.to_be_bytes().to_vec(), slot);
        self.push(Expression::Constant(address_bytes(address), Slot::FIRST));
        self.push(port(ports.first(), Slot::SECOND));
        let some = if ports.first() == ports.last() { Ports::One } else { Ports::Range };
        if some == Ports::Range {
            self.push(port(ports.last(), Slot::THIRD));
        }
        self.push(Expression::SourceNat(Family::of(address), some));
    }

    fn set_mark_from_connection(&mut self, bits: u32) {
        self.load(Mark::Connection);
        self.push(Expression::Mask(bits.to_ne_bytes().to_vec(), vec![0; 4]));
        self.push(Expression::Store(Mark::Packet));
    }

    fn set_mark(&mut self, mark: Mark, change: MarkChange) {
        let MarkChange { keep, flip } = change;
        if keep == 0 {
            self.push(Expression::Constant(flip.to_ne_bytes().to_vec(), Slot::FIRST));
        } else {
            self.load(mark);
            self.push(Expression::Mask(keep.to_ne_bytes().to_vec(), flip.to_ne_bytes().to_vec()));
        }
        self.push(Expression::Store(mark));
    }
}
