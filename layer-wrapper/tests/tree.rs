//! Parents: each subsegment is a child of the one in which it began, also if futures are
//! joined, spawned or cancelled.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::collections::BTreeMap;
use std::pin::Pin;

use futures_util::future::{join, join_all, select};
use proptest::prelude::*;
use support::{Error, Receiver, Trace, event, invoke, metadata, sampled};
use tower::{Layer, ServiceExt};
use xray_lambda::{FutureExt as _, current, subsegment};

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

#[tokio::test]
async fn children_of_join_all_are_siblings() {
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let wait = |name| subsegment(name).trace(tokio::task::yield_now());
        join_all([wait("a"), wait("b"), wait("c")]).await;
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    for name in ["a", "b", "c"] {
        assert_eq!(trace.parent(name), "## orders");
    }
    // The handler in progress, then the whole tree in one document.
    assert_eq!(trace.documents, 2);
}

#[tokio::test]
async fn the_loser_of_a_race_is_cancelled_and_not_a_fault() {
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let slow = Box::pin(subsegment("slow").trace(std::future::pending::<()>()));
        let quick = Box::pin(subsegment("quick").trace(tokio::task::yield_now()));
        drop(select(slow, quick).await);
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    let slow = trace.get("slow");
    assert_eq!(metadata(slow, "xray_lambda", "cancelled"), true);
    assert!(!slow.fault && !slow.error);
    assert!(trace.get("quick").metadata.is_empty());
}

#[tokio::test]
async fn closures_and_guards_nest_as_in_the_code() {
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let sum: Result<u8, std::num::ParseIntError> = subsegment("sum").try_run(|| {
            subsegment("parse").run(|| ());
            "x".parse()
        });
        assert!(sum.is_err());
        let guard = subsegment("guard").start();
        subsegment("beside the guard").run(|| ());
        guard.run(|| subsegment("within the guard").run(|| ()));
        guard.subsegment("of the guard").run(|| ());
        guard.close();
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    assert_eq!(trace.parent("parse"), "sum");
    assert!(trace.get("sum").fault && !trace.get("## orders").fault);
    assert_eq!(trace.parent("beside the guard"), "## orders");
    assert_eq!(trace.parent("within the guard"), "guard");
    assert_eq!(trace.parent("of the guard"), "guard");
}

#[tokio::test]
async fn two_tenants_with_interleaved_polls_never_mix() {
    async fn work(tenant: &'static str) -> Result<(), Error> {
        for _ in 0..20 {
            subsegment("step")
                .trace(async {
                    tokio::task::yield_now().await;
                    current().annotate("tenant", tenant);
                    subsegment("deeper")
                        .annotate("tenant", tenant)
                        .trace(tokio::task::yield_now())
                        .await;
                })
                .await;
            current().annotate("tenant", tenant);
        }
        Ok(())
    }

    let receivers = [Receiver::start(), Receiver::start()];
    let roots = [
        "1-5759e988-aaaaaaaaaaaaaaaaaaaaaaaa",
        "1-5759e988-bbbbbbbbbbbbbbbbbbbbbbbb",
    ];
    let invocation = |place: usize, tenant: &'static str| {
        let header = format!("Root={};Parent=53995c3f42cd8ad8;Sampled=1", roots[place]);
        let service = tower::service_fn(move |_| work(tenant));
        receivers[place]
            .layer()
            .layer(service)
            .oneshot(event(Some(&header), tenant))
    };
    let (a, b) = join(invocation(0, "a"), invocation(1, "b")).await;
    a.unwrap();
    b.unwrap();
    for (place, tenant) in ["a", "b"].into_iter().enumerate() {
        let mut trace = Trace::default();
        while let Some(document) = receivers[place].document() {
            assert_eq!(document.trace_id.unwrap().to_string(), roots[place]);
            trace.add(document);
        }
        assert_eq!(trace.len(), 41);
        for subsegment in trace.all().filter(|subsegment| subsegment.name != "step") {
            assert_eq!(subsegment.annotations["tenant"], tenant.into());
        }
    }
}

/// The work of a node: how it runs its children.
#[derive(Debug, Clone)]
enum Work {
    Nothing,
    InTurn(Vec<Node>),
    Together(Vec<Node>),
    Raced(Box<Node>, Box<Node>),
    Spawned(Vec<Node>),
}

/// A node of the tree of futures that an invocation runs.
#[derive(Debug, Clone)]
struct Node {
    yields: u8,
    by_span: bool,
    work: Work,
}

fn trees() -> impl Strategy<Value = Node> {
    let node = |work: BoxedStrategy<Work>| {
        (0..3_u8, any::<bool>(), work).prop_map(|(yields, by_span, work)| Node {
            yields,
            by_span,
            work,
        })
    };
    node(Just(Work::Nothing).boxed()).prop_recursive(5, 40, 4, move |inner| {
        let several = || prop::collection::vec(inner.clone(), 1..4);
        let pair = (inner.clone(), inner.clone());
        node(
            prop_oneof![
                several().prop_map(Work::InTurn),
                several().prop_map(Work::Together),
                several().prop_map(Work::Spawned),
                pair.prop_map(|(a, b)| Work::Raced(Box::new(a), Box::new(b))),
            ]
            .boxed(),
        )
    })
}

/// Runs a node with its path as its annotation. The path names the expected parent.
fn run(node: Node, path: String) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    use tracing::Instrument as _;

    let by_span = node.by_span;
    let name = path.clone();
    let inner = async move {
        for _ in 0..node.yields {
            tokio::task::yield_now().await;
        }
        let child = |(place, node): (usize, Node)| run(node, format!("{path}/{place}"));
        match node.work {
            Work::Nothing => {}
            Work::InTurn(nodes) => {
                for pair in nodes.into_iter().enumerate() {
                    child(pair).await;
                }
            }
            Work::Together(nodes) => drop(join_all(nodes.into_iter().enumerate().map(child)).await),
            Work::Raced(a, b) => drop(select(child((0, *a)), child((1, *b))).await),
            Work::Spawned(nodes) => {
                let spawn = |pair| tokio::spawn(child(pair).in_current_subsegment());
                for task in nodes.into_iter().enumerate().map(spawn).collect::<Vec<_>>() {
                    task.await.unwrap();
                }
            }
        }
    };
    if by_span {
        // A span's name is static, so the path is an annotation.
        let span = tracing::info_span!("span", annotation.path = name);
        Box::pin(inner.instrument(span))
    } else {
        Box::pin(async move { subsegment("node").annotate("path", name).trace(inner).await })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_tree_of_futures_is_recorded_with_the_expected_parents(tree in trees()) {
        use tracing_subscriber::layer::SubscriberExt as _;

        let receiver = Receiver::start();
        let subscriber = tracing_subscriber::registry().with(xray_lambda::tracing_layer());
        let guard = tracing::subscriber::set_default(subscriber);
        block_on(invoke(&receiver.layer(), Some(&sampled()), async |_| {
            run(tree.clone(), "0".to_owned()).await;
            Ok(())
        })).unwrap();
        drop(guard);

        // A task that lost its race outlives the invocation; the runtime's end dropped it.
        let trace = receiver.invocation_and_late();
        let path = |subsegment: &xray_document::Subsegment| {
            subsegment.annotations.get("path").map_or(String::new(), ToString::to_string)
        };
        let by_id: BTreeMap<_, _> = trace.all().map(|subsegment| (subsegment.id, path(subsegment))).collect();
        prop_assert!(by_id.values().any(|path| path == "0"));
        for subsegment in trace.all().filter(|subsegment| !path(subsegment).is_empty()) {
            let own = path(subsegment);
            let expected = own.rsplit_once('/').map_or("", |(parent, _)| parent);
            prop_assert_eq!(&by_id[&trace.parent_of(subsegment.id)], expected, "parent of {}", own);
        }
    }
}
