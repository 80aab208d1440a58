//! Flowtables of other programs, which forward established connections past all chains.

use anyhow::{Context, Result, ensure};
use lab::addresses::{MOVING_V4, OUTSIDE_V4};
use lab::{Protocol, Seen, Unsupported, manifest};

use crate::fail_closed::{blocked, fixture, guarded};
use crate::fixture::{Fixture, WEB_V4};

/// `slow` counts what the flowtable does not forward.
const FLOWTABLE: &str = "table inet lab_fast {
  flowtable fast { hook ingress priority 0; devices = { cni0, up0 }; }
  counter slow { }
  chain forward {
    type filter hook forward priority 10; policy accept;
    tcp dport 8080 counter name slow
    ip protocol tcp flow add @fast
  }
}";
/// Enough for both directions of a connection to be in the flowtable.
const REQUESTS: usize = 5;

fn slow(fixture: &Fixture) -> Result<u64> {
    let listed = fixture.lab.node().namespace.nft_list("counter inet lab_fast slow")?;
    let mut parts = listed.split_whitespace().skip_while(|part| *part != "packets");
    parts.nth(1).and_then(|count| count.parse().ok()).with_context(|| format!("no count in {listed}"))
}

/// P1 and P12 as docs/beside.md has them beside a flowtable.
pub(crate) fn a_connection_in_a_flowtable_keeps_its_source_past_the_guard_and_others_do_not_leave() -> Result<()> {
    let fixture = fixture()?;
    let (lab, pod) = (&fixture.lab, fixture.selected());
    let mut egressd = fixture.run_until_translated()?;
    lab.node().nft(FLOWTABLE).map_err(|_| Unsupported("this kernel has no flowtables".to_owned()))?;
    egressd.wait_until_log_has("flowtable fast in table inet lab_fast forwards packets")?;
    let mut connection = lab.connect(pod, OUTSIDE_V4)?;
    let mut requests = || (0..REQUESTS).try_for_each(|_| expect_web(connection.seen()?));
    requests()?;
    let before = slow(&fixture)?;
    requests()?;
    ensure!(slow(&fixture)? == before, "the connection is not in the flowtable");
    fixture.manifests.write(&guarded(manifest::service("web").addresses([MOVING_V4]).egress()))?;
    blocked(&mut egressd, &fixture)?;
    requests()?;
    lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, Seen::Nothing)?;
    egressd.stop()
}

fn expect_web(seen: Seen) -> Result<()> {
    ensure!(seen == Seen::from(WEB_V4), "seen as {seen}");
    Ok(())
}
