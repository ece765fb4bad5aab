use serde_json::{Value, json};
use xray_document::AnnotationValue;
use xray_local_store::{ServiceId, SummaryHttp};

use crate::documents::{EPOCH, embedded, in_progress, nth, segment, subsegment, summary};

fn service(name: &str, kind: Option<&str>) -> ServiceId {
    ServiceId {
        name: name.to_owned(),
        names: vec![name.to_owned()],
        account_id: None,
        kind: kind.map(str::to_owned),
    }
}

/// The documents of an API that calls a function, which writes to a table.
fn api_and_function() -> Vec<Value> {
    vec![
        segment(
            1,
            0.0,
            1.0,
            json!({"name": "api/Prod", "origin": "AWS::ApiGateway::Stage", "error": true,
                   "resource_arn": "arn:aws:apigateway:eu-west-1::/restapis/a/stages/Prod",
                   "http": {"request": {"method": "POST", "url": "https://a/items", "user_agent": "curl", "client_ip": "::1"},
                            "response": {"status": 404}},
                   "subsegments": [embedded(2, 0.1, 0.9, json!({"name": "Lambda", "namespace": "aws"}))]}),
        ),
        segment(
            3,
            0.2,
            0.8,
            json!({"name": "fn", "origin": "AWS::Lambda", "parent_id": nth(2), "fault": true,
                   "throttle": true, "user": "alice"}),
        ),
        segment(
            4,
            0.3,
            1.7,
            json!({"name": "fn", "origin": "AWS::Lambda::Function", "parent_id": nth(3), "user": "alice",
                   "aws": {"function_arn": "arn:aws:lambda:eu-west-1:1:function:fn"},
                   "annotations": {"tenant": "a", "bad key": 1}}),
        ),
        subsegment(
            5,
            4,
            0.4,
            0.5,
            json!({"name": "DynamoDB", "namespace": "aws", "aws": {"table_name": "items"},
                   "annotations": {"tenant": "b", "items": 3}}),
        ),
    ]
}

#[test]
fn fault_error_response_time_http_and_entry_point_come_from_the_root_segment() {
    let summary = summary(&api_and_function());
    assert!((summary.start_time.as_seconds() - EPOCH).abs() < 1e-6);
    assert!(
        (summary.duration - 1.7).abs() < 1e-6,
        "{}",
        summary.duration
    );
    assert!((summary.response_time.unwrap() - 1.0).abs() < 1e-6);
    assert_eq!((summary.has_error, summary.has_fault), (true, false));
    assert!(summary.has_throttle, "any segment counts");
    assert!(!summary.is_partial);
    assert_eq!(
        summary.entry_point,
        Some(service("api/Prod", Some("AWS::ApiGateway::Stage")))
    );
    assert_eq!(
        summary.http,
        SummaryHttp {
            url: Some("https://a/items".to_owned()),
            status: Some(404),
            method: Some("POST".to_owned()),
            user_agent: Some("curl".to_owned()),
            client_ip: Some("::1".to_owned()),
        }
    );
}

#[test]
fn services_users_and_arns_are_listed_once_each() {
    let summary = summary(&api_and_function());
    assert_eq!(
        summary.service_ids,
        [
            service("api/Prod", Some("AWS::ApiGateway::Stage")),
            service("fn", Some("AWS::Lambda")),
            service("fn", Some("AWS::Lambda::Function")),
            service("items", Some("AWS::DynamoDB::Table")),
        ]
    );
    let both = vec![
        service("fn", Some("AWS::Lambda")),
        service("fn", Some("AWS::Lambda::Function")),
    ];
    assert_eq!(summary.users, [("alice".to_owned(), both)]);
    assert_eq!(
        summary.resource_arns,
        [
            "arn:aws:apigateway:eu-west-1::/restapis/a/stages/Prod",
            "arn:aws:lambda:eu-west-1:1:function:fn"
        ]
    );
}

#[test]
fn annotations_are_grouped_by_key_and_value_with_their_services() {
    let summary = summary(&api_and_function());
    let values = |key: &str| -> Vec<AnnotationValue> {
        summary.annotations[key]
            .iter()
            .map(|annotation| annotation.value.clone())
            .collect()
    };
    assert_eq!(values("tenant"), ["a".into(), "b".into()]);
    assert_eq!(values("items"), [3.into()]);
    assert_eq!(
        summary.annotations.len(),
        2,
        "a key that filters cannot name is left out"
    );
    let function = service("fn", Some("AWS::Lambda::Function"));
    assert_eq!(summary.annotations["tenant"][1].service_ids, [function]);
}

#[test]
fn at_most_50_annotation_keys_are_indexed() {
    let many: serde_json::Map<String, Value> =
        (0..60).map(|n| (format!("key_{n:02}"), n.into())).collect();
    let summary = summary(&[segment(1, 0.0, 1.0, json!({"annotations": many}))]);
    assert_eq!(summary.annotations.len(), 50);
}

#[test]
fn a_trace_is_partial_while_documents_are_missing() {
    let none = || json!({});
    let traced = json!({"namespace": "remote", "http": {"request": {"traced": true}}});
    let called = || segment(3, 0.2, 0.8, json!({"parent_id": nth(2)}));
    let cases = [
        ("complete", false, vec![segment(1, 0.0, 1.0, none())]),
        (
            "in progress",
            true,
            vec![in_progress(segment(1, 0.0, 0.0, none()))],
        ),
        (
            "without its segment",
            true,
            vec![subsegment(2, 1, 0.0, 1.0, none())],
        ),
        (
            "the callee has not sent its segment",
            true,
            vec![
                segment(1, 0.0, 1.0, none()),
                subsegment(2, 1, 0.1, 0.9, traced.clone()),
            ],
        ),
        (
            "the callee has sent its segment",
            false,
            vec![
                segment(1, 0.0, 1.0, none()),
                subsegment(2, 1, 0.1, 0.9, traced),
                called(),
            ],
        ),
    ];
    for (case, partial, documents) in cases {
        assert_eq!(summary(&documents).is_partial, partial, "{case}");
    }
}

#[test]
fn the_earliest_of_several_roots_is_the_entry_point() {
    let summary = summary(&[
        segment(1, 0.5, 1.0, json!({})),
        segment(2, 0.1, 0.2, json!({"parent_id": nth(99), "fault": true})),
    ]);
    assert_eq!(summary.entry_point, Some(service("service-2", None)));
    assert!(summary.has_fault);
}

#[test]
fn a_trace_of_subsegments_only_has_a_time_but_no_entry_point() {
    let summary = summary(&[subsegment(2, 1, 0.25, 0.75, json!({"fault": true}))]);
    assert!((summary.start_time.as_seconds() - EPOCH - 0.25).abs() < 1e-6);
    assert!((summary.duration - 0.5).abs() < 1e-6);
    assert_eq!((summary.response_time, summary.entry_point), (None, None));
    assert!(!summary.has_fault);
}

#[test]
fn instances_and_zones_come_from_the_aws_object() {
    let ec2 = json!({"aws": {"ec2": {"instance_id": "i-1", "availability_zone": "eu-west-1a"}}});
    let ecs = json!({"aws": {"ecs": {"availability_zone": "eu-west-1b"}}});
    let summary = summary(&[segment(1, 0.0, 1.0, ec2), segment(2, 0.1, 0.9, ecs)]);
    assert_eq!(summary.instance_ids, ["i-1"]);
    assert_eq!(summary.availability_zones, ["eu-west-1a", "eu-west-1b"]);
}

#[test]
fn a_called_service_is_a_node_of_the_type_that_the_call_implies() {
    let call = |n: u64, name: &str, more: Value| {
        let mut call = subsegment(n, 1, n as f64 / 100.0, 0.5, more);
        call["name"] = name.into();
        call
    };
    let summary = summary(&[
        segment(1, 0.0, 1.0, json!({"name": "web"})),
        call(
            2,
            "s3",
            json!({"namespace": "aws", "aws": {"bucket_name": "photos"}}),
        ),
        call(
            3,
            "SQS",
            json!({"namespace": "aws", "aws": {"queue_url": "https://sqs/1/jobs"}}),
        ),
        call(4, "sns", json!({"namespace": "aws"})),
        call(5, "example.com", json!({"namespace": "remote"})),
        call(
            6,
            "shop@db",
            json!({"namespace": "remote", "sql": {"database_type": "PostgreSQL"}}),
        ),
        call(7, "example.com", json!({"namespace": "remote"})),
    ]);
    assert_eq!(
        summary.service_ids,
        [
            service("web", None),
            service("photos", Some("AWS::S3::Bucket")),
            service("jobs", Some("AWS::SQS::Queue")),
            service("sns", Some("AWS::SNS")),
            service("example.com", Some("remote")),
            service("shop@db", Some("Database::SQL")),
        ]
    );
}

#[test]
fn a_cold_start_is_detected_by_lambdas_subsegment_or_by_the_annotation() {
    let lambda = |inner: Value| {
        segment(
            1,
            0.0,
            1.0,
            json!({"origin": "AWS::Lambda::Function", "subsegments": [inner]}),
        )
    };
    let named = |name: &str| embedded(2, 0.1, 0.2, json!({"name": name}));
    let annotated =
        |value: bool| embedded(2, 0.1, 0.2, json!({"annotations": {"ColdStart": value}}));
    for (case, cold, document) in [
        ("Init", true, lambda(named("Init"))),
        ("Initialization", true, lambda(named("Initialization"))),
        ("ColdStart: true", true, lambda(annotated(true))),
        ("ColdStart: false", false, lambda(annotated(false))),
        ("Invocation", false, lambda(named("Invocation"))),
        (
            "a segment that is not a function",
            false,
            segment(1, 0.0, 1.0, json!({"subsegments": [named("Init")]})),
        ),
    ] {
        assert_eq!(summary(&[document]).cold_start, cold, "{case}");
    }
    let lone = subsegment(2, 1, 0.1, 0.2, json!({"annotations": {"ColdStart": true}}));
    assert!(summary(&[lone]).cold_start);
}

#[test]
fn a_summary_reflects_documents_that_arrive_later() {
    let store = crate::documents::store_of(&[in_progress(segment(1, 0.0, 0.0, json!({})))]);
    let id = crate::documents::trace_id();
    assert!(store.summary(id).unwrap().unwrap().is_partial);
    crate::documents::put(&store, &[segment(1, 0.0, 1.0, json!({"fault": true}))]);
    let summary = store.summary(id).unwrap().unwrap();
    assert_eq!((summary.is_partial, summary.has_fault), (false, true));
}
