//! Roles that grant less than `deploy/base/rbac.yaml`: those for publishing less, and those of earlier releases.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use egressd::rights::{Publish, RIGHTS, Right, RightScope};
use lab::Egressd;
use lab::cluster::{Cluster, Overlay, Request, SERVICES};
use serde_json::Value;

use crate::fixture::{EGRESS, WEB, annotate, cluster, expect_exact, expect_still, program, run};
use crate::reporting::{Regarding, events, wait_for_event};
use crate::rights::{Access, allowed, grant, wait_until_reviewed};

/// As the page about installing has it: the component sets the variable, and the roles fit.
pub(crate) fn publishing_less_needs_fewer_requests_and_works() -> Result<()> {
    for publish in [Publish::Events, Publish::Nothing] {
        let cluster = cluster()?;
        cluster.apply(&Overlay::default().components(&["namespace", &format!("publish-{publish}")]))?;
        for right in &RIGHTS {
            let wanted = publish.rights().any(|one| one == right);
            wait_until_reviewed(&cluster, right, if wanted { Access::Allowed } else { Access::Refused })?;
        }
        let program = program().environment("EGRESSD_PUBLISH", &publish.to_string());
        let egressd: Vec<Egressd<'_>> =
            cluster.lab.nodes().iter().map(|node| cluster.run(&program, node)).collect::<Result<_>>()?;
        expect_exact_through_changes(&cluster)?;
        match publish {
            Publish::Nothing => ensure!(events(&cluster, Regarding::Service("web"))?.is_empty(), "it writes Events"),
            Publish::Events | Publish::All => expect_reported(&cluster)?,
        }
        let annotations = cluster.api.get(&format!("{SERVICES}/web"))?["metadata"]["annotations"].take();
        ensure!(annotations["kube-vip.io/active-endpoint"].is_null(), "{publish}: {annotations}");
        expect_asked(&cluster, publish)?;
        egressd.iter().try_for_each(|one| expect_complaints(one, |_| false))?;
        let status = cluster.status(&program, cluster.lab.node())?;
        ensure!(status.contains(&format!("written into the cluster: {publish} (--publish)")), "{status}");
    }
    Ok(())
}

/// Events for valid and invalid states; and none of the node that does not translate.
fn expect_reported(cluster: &Cluster) -> Result<()> {
    wait_for_event(cluster, Regarding::Service("web"), "Applied", "node node-1 translates")?;
    annotate(cluster, "web", "egress-destination-ports", Some("tcp:http"))?;
    wait_for_event(cluster, Regarding::Service("web"), "Invalid", "tcp:http")?;
    let events = events(cluster, Regarding::Service("web"))?;
    ensure!(events.iter().all(|(reason, _)| reason != "NotApplied"), "{events:?}");
    Ok(())
}

/// egressd sends only granted requests, and makes all the writes that a new Service needs.
fn expect_asked(cluster: &Cluster, publish: Publish) -> Result<()> {
    let asked: BTreeSet<Request> = cluster.audit()?.into_iter().collect();
    let granted: BTreeSet<Request> = publish.rights().map(allowed).collect();
    let more: Vec<_> = asked.difference(&granted).collect();
    ensure!(more.is_empty(), "{publish}: it asked for {more:?}");
    let writes = asked.iter().any(|request| !["list", "watch"].contains(&request.verb.as_str()));
    ensure!(writes == (publish > Publish::Nothing), "{publish}: {asked:?}");
    Ok(())
}

/// Exact on all nodes, before and after a change.
fn expect_exact_through_changes(cluster: &Cluster) -> Result<()> {
    let [first, second] = [1, 2].map(|number| cluster.lab.pod(number));
    cluster.create_pod("web-1", "web", first)?;
    expect_exact(cluster, &[(first, WEB)])?;
    cluster.create_pod("web-2", "web", second)?;
    cluster.delete_pod("web-1")?;
    expect_exact(cluster, &[(second, WEB)])?;
    for (name, _) in EGRESS {
        annotate(cluster, "web", name, None)?;
    }
    expect_exact(cluster, &[])?;
    for (name, value) in EGRESS {
        annotate(cluster, "web", name, Some(value))?;
    }
    expect_exact(cluster, &[(second, WEB)])?;
    expect_still(cluster)
}

/// The log reports only these rights as missing.
fn expect_complaints(egressd: &Egressd<'_>, about: impl Fn(&Right) -> bool) -> Result<()> {
    let log = egressd.log();
    let known: Vec<String> =
        RIGHTS.iter().filter(|right| about(right)).map(|right| format!("cannot {right}")).collect();
    let strange = log.lines().find(|line| line.contains("cannot ") && !known.iter().any(|one| line.contains(one)));
    ensure!(strange.is_none(), "{strange:?} in\n{log}");
    let missed = known.iter().find(|one| !log.contains(one.as_str()));
    ensure!(missed.is_none(), "{missed:?} is not in\n{log}");
    Ok(())
}

/// The program runs with `--publish all` and the roles of `publish-none`.
pub(crate) fn a_role_without_the_right_to_write_disables_only_publishing() -> Result<()> {
    let cluster = cluster()?;
    grant(&cluster, |right| Publish::Nothing.rights().any(|one| one == right))?;
    let egressd = run(&cluster)?;
    expect_exact_through_changes(&cluster)?;
    // Without a first Event there is no series to update, and there are no policies.
    let tried = ["create events", "patch egressnodes", "patch services"];
    expect_complaints(&egressd[0], |right| tried.contains(&right.to_string().as_str()))
}

/// One file per release. Rights that it lacks are new, and named in the log.
pub(crate) fn the_role_of_an_earlier_release_disables_only_new_features() -> Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cluster/roles");
    let files =
        fs::read_dir(&directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    ensure!(!files.is_empty(), "{} is empty", directory.display());
    for file in files {
        let granted = granted(&file)?;
        let cluster = cluster()?;
        grant(&cluster, |right| granted.contains(&fields(right)))?;
        let egressd = run(&cluster)?;
        expect_exact_through_changes(&cluster).with_context(|| file.display().to_string())?;
        // Kinds that cannot be read are not written, and streamed ones are not listed.
        let is_tried = |right: &Right| right.resource != "egressnodes" || right.verb == "watch";
        expect_complaints(&egressd[0], |right| !granted.contains(&fields(right)) && is_tried(right))?;
    }
    Ok(())
}

fn fields(right: &Right) -> [String; 4] {
    let kind = match right.scope {
        RightScope::Cluster => "ClusterRole",
        RightScope::OwnNamespace => "Role",
    };
    [kind, right.verb, right.group, right.resource].map(str::to_owned)
}

/// Kind of the role, verb, group and resource, each alone.
fn granted(file: &Path) -> Result<BTreeSet<[String; 4]>> {
    let roles: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(file)?)?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("it is a text");
    let list = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Result<Vec<_>>>();
    let mut granted = BTreeSet::new();
    for (role, rule) in
        roles.iter().flat_map(|role| role["rules"].as_array().into_iter().flatten().map(move |rule| (role, rule)))
    {
        let kind = text(&role["kind"])?;
        for verb in list(&rule["verbs"])? {
            for group in list(&rule["apiGroups"])? {
                let each = |resource| [kind.clone(), verb.clone(), group.clone(), resource];
                granted.extend(list(&rule["resources"])?.into_iter().map(each));
            }
        }
    }
    Ok(granted)
}
