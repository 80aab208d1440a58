//! MetalLB in layer 2, as v0.16.1 leaves it on nodes and at the API: an address is on no interface, and the speaker of
//! one node answers for it.
//!
//! - Questions and announcements: `internal/layer2/arp.go` (`processRequest`, `Gratuitous`), `ndp.go`
//!   (`processRequest`, `Watch`).
//! - The ServiceL2Status: `api/v1beta1/servicel2status_types.go`, and its life in
//!   `internal/k8s/controllers/layer2_status_controller.go` (`Reconcile`): made by the node that answers, in the
//!   speaker's namespace, deleted by the one that does not any more. Nothing else names the node, but an Event.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::net::{RecvFlags, recvfrom};
use serde_json::json;
use socket2::Socket;

use super::announce::{
    AdvertisementReason, Operation, advertisement, announce, arp, asked_by_arp, asked_by_solicitation,
};
use super::custom;
use super::link::Link;
use crate::cluster::Api;
use crate::topology::{Lab, Node};

const STATUSES: custom::Kind = custom::Kind {
    group: "metallb.io",
    version: "v1beta1",
    kind: "ServiceL2Status",
    plural: "servicel2statuses",
    namespace: Some(SYSTEM),
};
const SYSTEM: &str = "metallb-system";
const INTERFACE: &str = "up0";

/// The speaker of a node, answering for a Service's addresses until it is dropped.
#[derive(Debug)]
pub struct Speaker {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Speaker {
    /// Answers for addresses on a node, and announces them. The outside host resolves them on the link from now on.
    ///
    /// # Errors
    /// When a socket cannot be opened.
    pub fn start(lab: &Lab, node: &Node, addresses: &[IpAddr]) -> Result<Self> {
        let link = Link::of(node, INTERFACE)?;
        let (arp, discovery) = (link.arp()?, link.neighbour_discovery()?);
        for address in addresses {
            lab.look_on_the_link_for(*address)?;
            if let IpAddr::V6(address) = address {
                link.join(&discovery, &solicited_node(*address))?;
            }
        }
        addresses.iter().try_for_each(|address| announce(&link, *address))?;
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let thread_state =
            SpeakerThread { link, arp, discovery, addresses: addresses.to_vec(), stop: Arc::clone(&stop) };
        // A socket that fails ends the thread; the test sees that no answer comes.
        let thread = thread::spawn(move || drop(thread_state.serve()));
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Makes the server know MetalLB's kind.
    ///
    /// # Errors
    /// When it refuses.
    pub fn define_status(api: &Api) -> Result<()> {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}});
        api.create("/api/v1/namespaces", &namespace)?;
        custom::define(api, &STATUSES)
    }

    /// Writes which node answers for a Service of the namespace `default`, in place of the earlier one.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn write_status(api: &Api, service: &str, node: &Node) -> Result<()> {
        let labels = format!("metallb.io/service-name={service},metallb.io/service-namespace=default");
        for old in api.list(&STATUSES.collection(), &labels)? {
            let name = old["metadata"]["name"].as_str().context("a ServiceL2Status has a name")?;
            api.delete(&format!("{}/{name}", STATUSES.collection()))?;
        }
        let created = api.create(
            &STATUSES.collection(),
            &json!({
                "apiVersion": "metallb.io/v1beta1",
                "kind": STATUSES.kind,
                "metadata": {"generateName": "l2-", "labels": {
                    "metallb.io/node": node.name(),
                    "metallb.io/service-name": service,
                    "metallb.io/service-namespace": "default",
                }},
            }),
        )?;
        let name = created["metadata"]["name"].as_str().context("the server names what it creates")?;
        let status = json!({
            "node": node.name(),
            "serviceName": service,
            "serviceNamespace": "default",
            "interfaces": [{"name": INTERFACE}],
        });
        api.patch_status(&format!("{}/{name}", STATUSES.collection()), &status).map(drop)
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        if rustix::io::write(&*self.stop, &1u64.to_ne_bytes()).is_ok() {
            self.thread.take().map(JoinHandle::join);
        }
    }
}

/// The state of the speaker's thread.
struct SpeakerThread {
    link: Link,
    arp: Socket,
    discovery: Socket,
    addresses: Vec<IpAddr>,
    stop: Arc<OwnedFd>,
}

impl SpeakerThread {
    fn serve(&self) -> Result<()> {
        loop {
            let wait = [self.arp.as_fd(), self.discovery.as_fd(), self.stop.as_fd()];
            let mut wait = wait.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
            poll(&mut wait, None)?;
            match wait.map(|fd| !fd.revents().is_empty()) {
                [_, _, true] => return Ok(()),
                [true, _, _] => self.answer_arp()?,
                [_, true, _] => self.answer_solicitation()?,
                [false, false, false] => {}
            }
        }
    }

    fn answer_arp(&self) -> Result<()> {
        let mut message = [0; 128];
        let (_, length) = rustix::net::recv(&self.arp, message.as_mut_slice(), RecvFlags::empty())?;
        if let Some((asker, target)) = asked_by_arp(&message[..length])
            && self.addresses.contains(&target.into())
        {
            let reply = arp(Operation::Reply, (self.link.mac, target), asker);
            self.arp.send_to(&reply, &self.link.station(asker.0))?;
        }
        Ok(())
    }

    fn answer_solicitation(&self) -> Result<()> {
        let mut message = [0; 256];
        let (_, length, from) = recvfrom(&self.discovery, message.as_mut_slice(), RecvFlags::empty())?;
        if let Some(target) = asked_by_solicitation(&message[..length])
            && self.addresses.contains(&target.into())
            && let Some(asker) = from.and_then(|from| SocketAddr::try_from(from).ok())
        {
            let reply = advertisement(target, self.link.mac, AdvertisementReason::Solicited);
            self.discovery.send_to(&reply, &asker.into())?;
        }
        Ok(())
    }
}

/// The solicited-node multicast address (RFC 4291, 2.7.1).
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low)
}
