//! The pipeline of the core, with the state that is kept between two rounds: evaluated input, the last accepted
//! annotations (P4), and the last good drafts (P7). It is pure: its caller runs the policies and talks to the kernel.

mod again;
mod anew;
mod announced_pods;
mod announcing;
mod answering;
mod arming;
mod asking;
mod audit;
mod begun;
mod by_address;
mod by_label;
mod choice;
mod claims;
#[cfg(feature = "testkit")]
pub mod corrupt;
mod derived;
mod early;
mod entries;
mod entry;
mod held_back;
mod input;
mod known;
mod limits;
mod looking;
mod memory;
mod own_node;
mod places;
mod pods;
mod remembered;
mod resumed;
mod round;
mod scratch;
mod selecting;
mod settling;
mod shown;
mod surroundings;
mod timers;
mod tunnel;
mod turns;
mod unreadable;
mod updating;
mod views;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use announced_pods::AnnouncedPods;
pub use announced_pods::{MAX_ANNOUNCED, PodAnnouncement};
pub use announcing::{Missing, PodProgress};
use audit::Cursor;
pub use audit::{Audit, AuditSubject, AuditedPart, Disagreement, Progress};
use begun::BegunPods;
use claims::Claims;
pub use claims::ROOM_KEPT_FOR;
use derived::Derived;
use entries::Entries;
use imbl::OrdMap;
use ipnet::IpNet;
use places::DependencyIndex;
use remembered::Remembered;
pub use remembered::Updates;
pub use resumed::SignOfLife;
pub use round::Step;
use timers::Timers;
pub use turns::QuestionQueue;

use crate::beside::ForeignTables;
use crate::chain::PolicyFailure;
use crate::compile::Kept;
use crate::decision::{Draft, OnChange, OnUnavailable};
use crate::finding::Finding;
use crate::model::{
    AddressTrust, AnnotationPrefix, ClusterFacts, ClusterSettings, Context, Interest, KeptNodes, KnownPods, Labels,
    Node, PolicyMark, PublishedIndex, Snapshot, SubjectKey, SubjectView, Surroundings, TunnelIndex, Uid,
};
use crate::net::MarkBit;
use crate::owner::Owner;
use crate::placement::AddressOwnership;
use crate::plan::{GatewayNumbers, Limits, Plan, SharedAddresses, TunnelSettings, UnknownPods};
use crate::reporting::Reporting;
use crate::ruleset::{Ruleset, TableNames};
use crate::status::SubjectStatus;

/// What does not change while egressd runs, but for whether its tables mark packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub node: String,
    /// The names of egressd's tables.
    pub tables: TableNames,
    /// Who may give a Service its addresses (P1).
    pub trust: AddressTrust,
    /// How this node knows that it holds an address.
    pub owner: Owner,
    /// What stands before the slash in the names of the annotations.
    pub prefix: AnnotationPrefix,
    /// What the administrator says about the cluster.
    pub cluster: ClusterSettings,
    /// What to do with an address that Services of several namespaces have.
    pub shared: SharedAddresses,
    /// How much of the kernel Services may use.
    pub limits: Limits,
    /// What becomes of pods that are not translated, where their subject does not say (P12).
    pub on_unavailable: OnUnavailable,
    /// What becomes of connections that contradict a change, where their subject does not say (P11).
    pub on_change: OnChange,
    /// What becomes of what is in this node's pod networks and not known.
    pub unknown_pods: UnknownPods,
    /// What packets of guarded pods are marked with, while that is needed.
    pub mark: MarkBit,
    /// The tunnel between nodes; none where pods leave by their own node alone.
    pub tunnel: Option<TunnelSettings>,
}

/// The state between two rounds.
#[derive(Debug)]
pub struct Pipeline {
    settings: Settings,
    context: Arc<Context>,
    facts: Arc<ClusterFacts>,
    around: Surroundings,
    ownership: AddressOwnership,
    foreign: ForeignTables,
    /// What Nodes say, by what they claim.
    nodes: KeptNodes,
    further: PublishedIndex,
    /// The tunnel ends of nodes, and the addresses that they hold.
    tunnels: TunnelIndex,
    ready: BTreeSet<String>,
    /// The Nodes from which `ready` was derived.
    looked_at_nodes: OrdMap<String, Arc<Node>>,
    /// The networks of this node's pods, as its Node listed them last.
    own_pod_networks: Vec<IpNet>,
    /// The policies' ConfigMaps, by name.
    policies: Arc<BTreeMap<String, PolicyMark>>,
    /// The subjects, with their newest answers.
    subjects: Entries,
    /// Which Services an address or a Node concerns.
    places: DependencyIndex,
    /// At least the Services with a ClusterIP or an endpoint that no network and no machine has.
    outside: BTreeSet<SubjectKey>,
    /// When which of them are to be looked at again.
    timers: Timers,
    /// The results of the last round.
    derived: Derived,
    /// The annotations and labels that the policies read.
    interest: Interest,
    /// Addresses of pods that their status does not have yet.
    announced: AnnouncedPods,
    /// The pods as the source reports them, without these.
    reported_pods: KnownPods,
    /// The newest state that was taken in: other policies may read what earlier ones did not.
    newest: Snapshot,
    /// The annotations that the policies accepted last, by the Service's identity.
    accepted: Remembered<Labels>,
    /// The draft of the last evaluation that went well, likewise. Those that neither translate nor guard are left out.
    drafts: Remembered<Draft>,
    memory: RestoredState,
    /// Room that is kept for pods that are replaced.
    claims: Claims,
    /// The pods that began and have no rules yet.
    begun: BegunPods,
    /// The numbers of addresses that other nodes hold.
    numbers: GatewayNumbers,
    /// The position of the audit.
    cursor: Cursor,
    /// How many answers were failures.
    failures: u64,
    /// How many inputs were to be asked about.
    inputs: u64,
}

/// Whether all is known that an earlier process remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestoredState {
    /// All of it was restored.
    #[default]
    Whole,
    /// Some of it is in a form that this one does not know. Of which Services, is unknown.
    Partial,
}

/// One evaluation to run: a subject as the policies are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    key: SubjectKey,
    about: QuestionInput,
    /// The number of what they are shown.
    input: u64,
    /// The number of the Service's last failure.
    failed: u64,
    /// The subject, as the policies are shown it.
    pub view: Arc<SubjectView>,
}

#[cfg(feature = "testkit")]
impl Question {
    /// About a view as it is, for tests of what answers questions.
    pub fn about(view: Arc<SubjectView>) -> Self {
        Self { key: view.subject.key().clone(), about: QuestionInput::Today, input: 0, failed: 0, view }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QuestionInput {
    Today,
    LastAccepted,
}

/// All that follows from the newest state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub plan: Plan,
    /// The plan as an nftables ruleset.
    pub ruleset: Ruleset,
    /// The Services of which what the kernel has is to stay in the ruleset.
    pub kept: Kept,
    /// What is reported to each Service's owner.
    pub statuses: BTreeMap<SubjectKey, SubjectStatus>,
    /// Which life of each Service that is about.
    pub uids: BTreeMap<SubjectKey, Uid>,
    /// This node's part in reporting about a Service; absent where there is nothing to report.
    pub reporting: BTreeMap<SubjectKey, Reporting>,
    /// The node that reports what belongs to no node: the first by name of those that are ready.
    pub first_ready: Option<String>,
    /// The ConfigMaps that are policies, by name.
    pub policies: BTreeMap<String, PolicyMark>,
    /// The policies that could not answer, each with the first Service by name for which it could not.
    pub failing: BTreeMap<String, (SubjectKey, PolicyFailure)>,
    /// What is inside the cluster, and why.
    pub inside: Arc<ClusterFacts>,
    /// Findings about the node as a whole.
    pub findings: Vec<Finding>,
    /// Why nothing of this may be carried out: a defect of egressd.
    pub fatal: Option<Finding>,
    /// What has to be asked about changes that exceed a limit.
    pub further: Vec<Question>,
}

impl Pipeline {
    /// Before the first update, and holding no address. `accepted` is what an earlier process remembered (P4).
    pub fn new(settings: Settings, accepted: BTreeMap<Uid, Arc<Labels>>) -> Self {
        let context = Arc::new(Context { node: settings.node.clone(), node_labels: Arc::default() });
        let around = Surroundings { node: settings.node.clone(), ..Surroundings::default() };
        let facts = Arc::new(ClusterFacts::gather(&Snapshot::default(), &settings.cluster, &around));
        let ownership = AddressOwnership::new(settings.owner, &settings.node, &settings.prefix);
        let derived = Derived::new(settings.shared, settings.limits);
        Self {
            settings,
            context,
            facts,
            around,
            ownership,
            foreign: Default::default(),
            nodes: Default::default(),
            further: Default::default(),
            tunnels: Default::default(),
            ready: Default::default(),
            looked_at_nodes: Default::default(),
            own_pod_networks: Vec::new(),
            policies: Default::default(),
            subjects: Default::default(),
            places: Default::default(),
            outside: Default::default(),
            timers: Default::default(),
            derived,
            interest: Interest::everything(),
            announced: AnnouncedPods::default(),
            reported_pods: KnownPods::default(),
            newest: Snapshot::default(),
            accepted: Remembered::of(accepted),
            drafts: Remembered::of(BTreeMap::new()),
            memory: RestoredState::Whole,
            claims: Claims::default(),
            begun: BegunPods::default(),
            numbers: GatewayNumbers::default(),
            cursor: Cursor::default(),
            failures: 0,
            inputs: 0,
        }
    }

    /// The same with the last good drafts that an earlier process remembered (P6). They are guarded before they are
    /// used.
    #[must_use]
    pub fn recalling(self, drafts: BTreeMap<Uid, Arc<Draft>>) -> Self {
        Self { drafts: Remembered::of(drafts), ..self }
    }

    /// The same, where not all is known that an earlier process remembered. What has nothing to fall back to then keeps
    /// what the kernel has for it.
    #[must_use]
    pub fn knowing(self, memory: RestoredState) -> Self {
        Self { memory, ..self }
    }

    /// Whether all is known that an earlier process remembered.
    pub fn memory(&self) -> RestoredState {
        self.memory
    }

    /// What is the same for all Services now.
    pub fn context(&self) -> Arc<Context> {
        Arc::clone(&self.context)
    }

    /// Takes in which tables of kube-vip's names are on this node and not egressd's; whether that is news.
    pub fn stand_beside(&mut self, foreign: ForeignTables) -> bool {
        if self.foreign == foreign {
            return false;
        }
        self.foreign = foreign;
        self.subjects.touch(&self.derived.beside);
        true
    }

    /// What the tables mark packets of guarded pods with from now on; whether that is another answer than before.
    pub fn mark_guarded(&mut self, marks: Option<MarkBit>) -> bool {
        let before = std::mem::replace(&mut self.settings.tables.marks, marks);
        before != marks
    }

    /// Whether a Service of the last round asks kube-vip for egress, too.
    pub fn shares_services(&self) -> bool {
        !self.derived.beside.is_empty()
    }

    /// The annotations to remember for the next process: those of Services that ask for something.
    pub fn accepted(&self) -> &BTreeMap<Uid, Arc<Labels>> {
        self.accepted.all()
    }

    /// The last good drafts to remember for the next process.
    pub fn drafts(&self) -> &BTreeMap<Uid, Arc<Draft>> {
        self.drafts.all()
    }

    /// What of both is other than when it was asked last.
    pub fn take_news(&mut self) -> (Updates<Labels>, Updates<Draft>) {
        (self.accepted.take_news(), self.drafts.take_news())
    }
}
