//! The Services of a large cluster, and their endpoints. There are no selectors, so that no controller writes
//! EndpointSlices.

use std::net::{IpAddr, Ipv4Addr};

use lab::addresses::{LOAD_BALANCERS, NODE_NAME, load_balancer_v4};
use lab::cluster::{NewObject, SERVICES as SERVICE_COLLECTION, SLICES, balanced, service, slice};

pub(crate) const SERVICES: usize = 5_000;
pub(crate) const ENDPOINTS: usize = SERVICES * ENDPOINTS_PER_SERVICE;
const ENDPOINTS_PER_SERVICE: usize = 2;

pub(crate) fn all() -> Vec<NewObject> {
    (0..SERVICES).flat_map(|number| [a_service(number), a_slice(number)]).collect()
}

/// What the Service of this number is called, and its only slice.
pub(crate) fn name(number: usize) -> String {
    format!("service-{number}")
}

/// Its endpoints. One of another turn is at an address that no other endpoint has.
pub(crate) fn endpoints(number: usize, turn: usize) -> [IpAddr; ENDPOINTS_PER_SERVICE] {
    let moved = if turn == 0 { number * ENDPOINTS_PER_SERVICE } else { ENDPOINTS + turn };
    [address(moved), address(number * ENDPOINTS_PER_SERVICE + 1)]
}

/// In the pods' network, above the addresses of the lab's own pods.
fn address(number: usize) -> IpAddr {
    Ipv4Addr::from(0x0a00_1000 + u32::try_from(number).unwrap()).into()
}

fn a_service(number: usize) -> NewObject {
    let mut object = service(&name(number), &[("egress", "true")]);
    let spec = object["spec"].as_object_mut().unwrap();
    spec.remove("selector");
    spec.remove("ipFamilyPolicy");
    // The node holds a few addresses, which they share.
    let held = 2 + u8::try_from(number % usize::from(LOAD_BALANCERS)).unwrap();
    NewObject { collection: SERVICE_COLLECTION, object, status: Some(balanced(&[load_balancer_v4(held)])) }
}

fn a_slice(number: usize) -> NewObject {
    let name = name(number);
    let object = slice(&name, &name, NODE_NAME, &endpoints(number, 0));
    NewObject { collection: SLICES, object, status: None }
}
