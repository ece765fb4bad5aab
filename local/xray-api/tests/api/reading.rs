use serde_json::{Value, json};

use crate::client::{EPOCH, TRACE, api, call, post, put, segment};

const OTHER: &str = "1-6750a1b3-00112233445566778899aabb";

async fn summaries_error(input: Value) -> String {
    let (status, name, message) = post(&api(), "/TraceSummaries", input.to_string())
        .await
        .error();
    assert_eq!(
        (status, name.as_str()),
        (400, "InvalidRequestException"),
        "{message}"
    );
    message
}

#[tokio::test]
async fn traces_are_returned_whole_and_unknown_ids_as_unprocessed() {
    let api = api();
    put(
        &api,
        &[segment(
            "0a1b2c3d4e5f6071",
            json!({"http": {"response": {"status": 200}}}),
        )],
    )
    .await;
    let asked = json!({"TraceIds": [TRACE, OTHER, "nonsense", TRACE.to_uppercase()]});
    let mut response = call(&api, "/Traces", &asked).await;
    let document = response["Traces"][0]["Segments"][0]["Document"].take();
    let document: Value = serde_json::from_str(document.as_str().unwrap()).unwrap();
    assert_eq!(
        document,
        segment(
            "0a1b2c3d4e5f6071",
            json!({"http": {"response": {"status": 200}}})
        )
    );
    assert_eq!(
        response,
        json!({
            "Traces": [{"Id": TRACE, "Duration": 0.5, "LimitExceeded": false,
                        "Segments": [{"Id": "0a1b2c3d4e5f6071", "Document": null}]}],
            "UnprocessedTraceIds": [OTHER, "nonsense"],
        })
    );
}

#[tokio::test]
async fn batch_get_traces_rejects_what_x_ray_rejects_in_its_words() {
    let api = api();
    for (input, expected) in [
        (
            json!({"TraceIds": [TRACE, TRACE, TRACE, TRACE, TRACE, TRACE]}),
            "Exceeding maximum query size: 5",
        ),
        (
            json!({"TraceIds": [TRACE], "NextToken": "a"}),
            "NextToken is currently not supported",
        ),
        (json!({}), "the request has no TraceIds, which is required"),
    ] {
        let (status, name, message) = post(&api, "/Traces", input.to_string()).await.error();
        assert_eq!(
            (status, name.as_str(), message.as_str()),
            (400, "InvalidRequestException", expected)
        );
    }
}

#[tokio::test]
async fn a_summary_has_every_member_under_x_rays_name() {
    let api = api();
    let more = json!({
        "origin": "AWS::Lambda::Function", "fault": true, "user": "alice", "resource_arn": "arn:aws:x",
        "aws": {"account_id": "123456789012", "ec2": {"instance_id": "i-1", "availability_zone": "eu-west-1a"}},
        "http": {"request": {"method": "GET", "url": "https://a/b", "user_agent": "curl", "client_ip": "::1"},
                 "response": {"status": 500}},
        "annotations": {"tenant": "a", "count": 2, "beta": false},
    });
    put(&api, &[segment("0a1b2c3d4e5f6071", more)]).await;
    let window = json!({"StartTime": EPOCH, "EndTime": EPOCH + 1});
    let response = call(&api, "/TraceSummaries", &window).await;
    let service = json!({"Name": "orders", "Names": ["orders"], "AccountId": "123456789012",
                         "Type": "AWS::Lambda::Function"});
    let annotation = |value: Value| json!([{"AnnotationValue": value, "ServiceIds": [service]}]);
    assert_eq!(
        response,
        json!({
            "TraceSummaries": [{
                "Id": TRACE, "StartTime": 1_733_337_522.25, "Duration": 0.5, "ResponseTime": 0.5,
                "HasFault": true, "HasError": false, "HasThrottle": false, "IsPartial": false,
                "Http": {"HttpURL": "https://a/b", "HttpStatus": 500, "HttpMethod": "GET",
                         "UserAgent": "curl", "ClientIp": "::1"},
                "Annotations": {"tenant": annotation(json!({"StringValue": "a"})),
                                "count": annotation(json!({"NumberValue": 2})),
                                "beta": annotation(json!({"BooleanValue": false}))},
                "Users": [{"UserName": "alice", "ServiceIds": [service]}],
                "ServiceIds": [service],
                "ResourceARNs": [{"ARN": "arn:aws:x"}],
                "InstanceIds": [{"Id": "i-1"}],
                "AvailabilityZones": [{"Name": "eu-west-1a"}],
                "EntryPoint": service,
                "Revision": 1,
            }],
            "ApproximateTime": 1_733_337_522.0,
            "TracesProcessedCount": 1,
        })
    );
}

#[tokio::test]
async fn members_without_a_value_are_left_out() {
    let api = api();
    let alone = json!({"type": "subsegment", "parent_id": "00000000000000ff"});
    put(&api, &[segment("0a1b2c3d4e5f6071", alone)]).await;
    let window = json!({"StartTime": EPOCH, "EndTime": EPOCH + 1, "FilterExpression": " "});
    let response = call(&api, "/TraceSummaries", &window).await;
    let summary = &response["TraceSummaries"][0];
    assert_eq!(summary["Id"], TRACE);
    assert_eq!(summary["Http"], json!({}));
    assert_eq!(summary["Users"], json!([]));
    for absent in ["ResponseTime", "EntryPoint"] {
        assert_eq!(summary.get(absent), None);
    }
    assert_eq!(response.get("NextToken"), None);
    assert!(!response.to_string().contains("null"), "{response}");
}

#[tokio::test]
async fn times_are_numbers_or_texts() {
    let api = api();
    put(&api, &[segment("0a1b2c3d4e5f6071", json!({}))]).await;
    for window in [
        json!({"StartTime": 1_733_337_522.0, "EndTime": 1_733_337_523.5}),
        json!({"StartTime": "2024-12-04T18:38:42Z", "EndTime": "2024-12-04T19:38:43+01:00"}),
        json!({"StartTime": EPOCH, "EndTime": EPOCH + 1, "TimeRangeType": "Event", "Sampling": true,
               "SamplingStrategy": {"Name": "FixedRate", "Value": 0.5}}),
        json!({"StartTime": EPOCH, "EndTime": EPOCH + 1, "TimeRangeType": "Service"}),
    ] {
        let response = call(&api, "/TraceSummaries", &window).await;
        assert_eq!(
            response["TraceSummaries"].as_array().unwrap().len(),
            1,
            "{window}"
        );
    }
}

#[tokio::test]
async fn windows_that_x_ray_rejects_are_rejected() {
    let six_hours = 6 * 3600;
    let message = summaries_error(json!({"StartTime": 0, "EndTime": six_hours + 1})).await;
    assert_eq!(message, "Time range cannot be longer than 6 hours");
    call(
        &api(),
        "/TraceSummaries",
        &json!({"StartTime": 0, "EndTime": six_hours}),
    )
    .await;
    let message = summaries_error(json!({"StartTime": 2, "EndTime": 1})).await;
    assert_eq!(message, "StartTime is later than EndTime");
    assert!(
        summaries_error(json!({"EndTime": 1}))
            .await
            .contains("StartTime")
    );
    assert!(
        summaries_error(json!({"StartTime": 1}))
            .await
            .contains("EndTime")
    );
    let message =
        summaries_error(json!({"StartTime": 1, "EndTime": 2, "TimeRangeType": "Id"})).await;
    assert!(message.contains("TraceId, Event, Service"), "{message}");
}

#[tokio::test]
async fn a_filter_expression_is_rejected_not_ignored() {
    let message =
        summaries_error(json!({"StartTime": 1, "EndTime": 2, "FilterExpression": "fault"})).await;
    assert!(
        message.contains("filter expressions are not supported yet"),
        "{message}"
    );
}

#[tokio::test]
async fn pages_follow_each_other_by_token() {
    let api = api();
    let documents: Vec<Value> = (0..250)
        .map(|n| {
            segment(
                "0a1b2c3d4e5f6071",
                json!({"trace_id": format!("1-6750a1b2-{n:024x}")}),
            )
        })
        .collect();
    put(&api, &documents).await;
    let mut input = json!({"StartTime": EPOCH, "EndTime": EPOCH + 1});
    let mut sizes = Vec::new();
    let mut ids = std::collections::HashSet::new();
    loop {
        let response = call(&api, "/TraceSummaries", &input).await;
        let summaries = response["TraceSummaries"].as_array().unwrap();
        sizes.push(summaries.len());
        ids.extend(summaries.iter().map(|summary| summary["Id"].to_string()));
        match response.get("NextToken") {
            Some(token) => input["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!((sizes, ids.len()), (vec![100, 100, 50], 250));
    for token in ["", "zz", &"g".repeat(48), &"é".repeat(24)] {
        let bad = json!({"StartTime": 1, "EndTime": 2, "NextToken": token});
        assert!(summaries_error(bad).await.contains("NextToken"));
    }
}

#[tokio::test]
async fn the_command_line_gets_the_same_json_as_clients_of_the_api() {
    let store = std::sync::Arc::new(xray_local_store::Store::in_memory().unwrap());
    let api = xray_local_api::loopback_router(store.clone());
    put(&api, &[segment("0a1b2c3d4e5f6071", json!({}))]).await;
    let id = TRACE.parse().unwrap();
    let trace = store.traces(&[id]).unwrap().pop().unwrap();
    let response = call(&api, "/Traces", &json!({"TraceIds": [TRACE]})).await;
    assert_eq!(xray_local_api::trace_json(&trace), response["Traces"][0]);
    let summary = store.summary(id).unwrap().unwrap();
    let window = json!({"StartTime": EPOCH, "EndTime": EPOCH + 1});
    let response = call(&api, "/TraceSummaries", &window).await;
    assert_eq!(
        xray_local_api::summary_json(&summary),
        response["TraceSummaries"][0]
    );
}
