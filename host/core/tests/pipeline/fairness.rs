//! The laws of turns, for any questions that take any time and come in any order.

use proptest::prelude::*;

use super::turns::of;
use super::*;

const NAMESPACES: usize = 4;
const SERVICES: usize = 3;
/// In microseconds, how far ahead of the others a namespace can begin to wait.
const AHEAD: u64 = 250_000;

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A question about a Service of a namespace comes.
    Comes(usize, usize),
    /// The next question is served, which takes so many microseconds.
    Served(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let comes = (0..NAMESPACES, 0..SERVICES).prop_map(|(namespace, service)| Step::Comes(namespace, service));
    let served = prop_oneof![1..100_u64, 1..1_000_000_u64].prop_map(Step::Served);
    prop::collection::vec(prop_oneof![comes, served], 1..120)
}

/// A question about each Service of each of these namespaces.
fn questions(names: &[&str]) -> Vec<Vec<Question>> {
    let mut fixture = Fixture::new();
    let mut of_one =
        |namespace: &str, number: usize| fixture.come([of(namespace, &number.to_string(), "pass")]).remove(0);
    names.iter().map(|name| (0..SERVICES).map(|number| of_one(name, number)).collect()).collect()
}

/// Which Service was served at each step where one was: the numbers of its namespace and of its own.
fn served(steps: &[Step], questions: &[Vec<Question>]) -> Vec<(usize, usize)> {
    let mut turns = QuestionQueue::default();
    let place = |question: &Question| {
        let at = |(n, of_one): (usize, &Vec<Question>)| Some((n, of_one.iter().position(|other| other == question)?));
        questions.iter().enumerate().find_map(at).expect("one of the questions")
    };
    let step = |step: &Step| match *step {
        Step::Comes(namespace, service) => {
            turns.add(vec![questions[namespace][service].clone()]);
            None
        }
        Step::Served(took) => turns.serve(|question| (place(question), Duration::from_micros(took))).map(|(_, at)| at),
    };
    steps.iter().filter_map(step).collect()
}

/// The service that one namespace is guaranteed.
#[derive(Clone, Debug, Default)]
struct GuaranteedService {
    waiting: BTreeSet<usize>,
    /// How long its last question took, if it was served.
    cost: Option<u64>,
    /// What each other namespace has had since this one was served last, or since it began to wait.
    others: [u64; NAMESPACES],
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 100 } else { 3_000 }))]

    /// While a namespace waits that was never served, each other is served once at most. While any other waits, none is
    /// served that has had more since than the last question of this one cost, and what a namespace may be ahead.
    #[test]
    fn while_a_namespace_waits_no_other_has_more_than_its_share(steps in steps()) {
        let questions = questions(&["a", "b", "c", "d"]);
        let (mut all, mut order) = (vec![GuaranteedService::default(); NAMESPACES], served(&steps, &questions).into_iter());
        for step in steps {
            match step {
                Step::Comes(namespace, service) => {
                    let one = &mut all[namespace];
                    if one.waiting.is_empty() {
                        one.others = Default::default();
                    }
                    one.waiting.insert(service);
                }
                Step::Served(took) => {
                    let waits = all.iter().any(|one| !one.waiting.is_empty());
                    let Some((served, service)) = waits.then(|| order.next().expect("something waits")) else { continue };
                    for (number, one) in all.iter_mut().enumerate().filter(|(number, one)| *number != served && !one.waiting.is_empty()) {
                        let (had, most) = (one.others[served], one.cost.map_or(0, |cost| cost + AHEAD));
                        prop_assert!(had <= most, "{served} has had {had} us while {number} waited, and may have {most}");
                        one.others[served] += took;
                    }
                    prop_assert!(all[served].waiting.remove(&service), "what is served has waited");
                    (all[served].cost, all[served].others) = (Some(took), Default::default());
                }
            }
        }
        prop_assert!(order.next().is_none());
    }

    #[test]
    fn names_decide_nothing(steps in steps(), names in Just(vec!["a", "b", "c", "d"]).prop_shuffle()) {
        prop_assert_eq!(served(&steps, &questions(&names)), served(&steps, &questions(&["a", "b", "c", "d"])));
    }

    /// What is edited again and again has the same turn, and so has all else.
    #[test]
    fn news_about_what_waits_change_no_turn(steps in steps()) {
        let (questions, mut waiting) = (questions(&["a", "b", "c", "d"]), Vec::new());
        let (mut quiet, mut edited) = (QuestionQueue::default(), QuestionQueue::default());
        for step in steps {
            match step {
                Step::Comes(namespace, service) => {
                    let question = &questions[namespace][service];
                    quiet.add(vec![question.clone()]);
                    edited.add(vec![question.clone()]);
                    waiting.push(question.clone());
                }
                Step::Served(took) => {
                    let [one, other] = [&mut quiet, &mut edited].map(|turns| turns.serve(|_| ((), Duration::from_micros(took))));
                    prop_assert_eq!(&one, &other);
                    waiting.retain(|question| one.as_ref().is_none_or(|(served, ())| served != question));
                }
            }
            edited.add(waiting.iter().rev().cloned().collect());
        }
    }

    #[test]
    fn only_those_are_remembered_that_wait_or_have_used_time_lately(steps in steps()) {
        let (questions, mut turns) = (questions(&["a", "b", "c", "d"]), QuestionQueue::default());
        turns.begin(at(1));
        for step in steps {
            match step {
                Step::Comes(namespace, service) => turns.add(vec![questions[namespace][service].clone()]),
                Step::Served(took) => drop(turns.serve(|_| ((), Duration::from_micros(took)))),
            }
        }
        let mut waiting = BTreeSet::new();
        turns.begin(at(61));
        let remembered = turns.remembered();
        while let Some((question, ())) = turns.serve(|_| ((), Duration::ZERO)) {
            waiting.insert(question.view.subject.key().namespace.clone());
        }
        prop_assert_eq!(remembered, waiting.len());
    }
}

/// The share of whoever asks cheap questions is as large as that of whoever asks dear ones.
#[test]
fn time_is_shared_and_not_the_number_of_questions() {
    let mut fixture = Fixture::new();
    let mut turns = QuestionQueue::default();
    for (namespace, count) in [("dear", 10), ("cheap", 1_000)] {
        turns.add(fixture.come((0..count).map(|number| of(namespace, &number.to_string(), "pass"))));
    }
    let mut count = BTreeMap::<String, usize>::new();
    for _ in 0..303 {
        let took = |question: &Question| if &*question.view.subject.key().namespace == "dear" { 100 } else { 1 };
        let (question, ()) = turns.serve(|question| ((), Duration::from_millis(took(question)))).expect("a question");
        *count.entry(question.view.subject.key().namespace.to_string()).or_default() += 1;
    }
    assert_eq!(count, [("cheap".to_owned(), 300), ("dear".to_owned(), 3)].into());
}

/// What two threads do that ask at a time.
#[derive(Clone, Copy, Debug)]
enum Activity {
    Comes(usize, usize),
    Takes,
    /// One of the questions at hand is answered, which took so many microseconds.
    Answers(usize, u64),
}

fn doings() -> impl Strategy<Value = Vec<Activity>> {
    let comes = (0..NAMESPACES, 0..SERVICES).prop_map(|(namespace, service)| Activity::Comes(namespace, service));
    let answers = (0..2usize, 1..1_000_000_u64).prop_map(|(which, took)| Activity::Answers(which, took));
    prop::collection::vec(prop_oneof![comes, Just(Activity::Takes), answers], 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 3_000 }))]

    /// A dear question of one namespace keeps one thread and not both, and nothing is asked twice or lost.
    #[test]
    fn of_two_that_ask_none_takes_a_second_question_of_one_namespace_while_another_waits(doings in doings()) {
        let (questions, mut turns) = (questions(&["a", "b", "c", "d"]), QuestionQueue::default());
        let (mut waiting, mut at_hand) = (Vec::<Question>::new(), Vec::<Question>::new());
        let of = |question: &Question| question.view.subject.key().namespace.clone();
        for doing in doings {
            match doing {
                Activity::Comes(namespace, service) => {
                    let question = &questions[namespace][service];
                    turns.add(vec![question.clone()]);
                    waiting.retain(|other| other != question);
                    waiting.push(question.clone());
                }
                Activity::Takes if at_hand.len() < 2 => {
                    let taken = turns.take();
                    prop_assert_eq!(taken.is_none(), waiting.is_empty());
                    let Some(taken) = taken else { continue };
                    let count = waiting.len();
                    waiting.retain(|question| *question != taken);
                    prop_assert_eq!(waiting.len() + 1, count);
                    let is_second = at_hand.iter().any(|question| of(question) == of(&taken));
                    let another = waiting.iter().any(|question| !at_hand.iter().any(|one| of(one) == of(question)));
                    prop_assert!(!is_second || !another, "{taken:?} while {waiting:?} wait");
                    at_hand.push(taken);
                }
                Activity::Answers(which, took) if which < at_hand.len() => {
                    turns.is_answered(&at_hand.remove(which), Duration::from_micros(took));
                }
                Activity::Takes | Activity::Answers(..) => {}
            }
            prop_assert_eq!(turns.len(), waiting.len());
            prop_assert_eq!(turns.is_empty(), waiting.is_empty());
        }
    }

    /// Of two namespaces that always have something to ask, each has its share of the time of both threads, within the
    /// cost of what one thread may be at.
    #[test]
    fn two_that_ask_share_their_time_among_namespaces_as_one_does(costs in prop::collection::vec(1..100_000_u64, 3)) {
        let questions = questions(&["a", "b", "c"]);
        let (mut turns, mut used) = (QuestionQueue::default(), [0u64; 3]);
        questions.iter().for_each(|of_one| turns.add(of_one.clone()));
        let mut threads: [(u64, Option<(usize, Question)>); 2] = Default::default();
        for _ in 0..300 {
            let free = usize::from(threads[0].0 > threads[1].0);
            let (now, asked) = (threads[free].0, threads[free].1.take());
            if let Some((namespace, question)) = asked {
                turns.is_answered(&question, Duration::from_micros(costs[namespace]));
                used[namespace] += costs[namespace];
                turns.add(vec![question]);
            }
            let next = turns.take().expect("something waits");
            let namespace = questions.iter().position(|of_one| of_one.contains(&next)).expect("one of them");
            threads[free] = (now + costs[namespace], Some((namespace, next)));
        }
        let (least, most) = (used.iter().min().expect("three"), used.iter().max().expect("three"));
        let dearest = costs.iter().max().expect("three");
        prop_assert!(most - least <= 3 * dearest, "{used:?} of {costs:?}");
    }
}
