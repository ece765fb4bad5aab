//! Measures how fast the store accepts documents and answers queries:
//! `cargo run --release -p xray-local-store --example ingest -- [TRACES]`.

use std::error::Error;
use std::time::{Duration, Instant};

use xray_document::limits::MAX_DOCUMENTS_PER_PUT;
use xray_document::{SegmentId, Timestamp, TraceId};
use xray_local_store::{Store, SummaryQuery, TimeRange};

const DOCUMENTS_PER_TRACE: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let traces: u32 = match std::env::args().nth(1) {
        Some(traces) => traces.parse()?,
        None => 20_000,
    };
    let directory = tempfile::tempdir()?;
    let end = Timestamp::now();
    let documents: Vec<String> = (0..traces).flat_map(|n| trace(end, n, traces)).collect();

    let store = Store::open(directory.path())?;
    measure_writes(&store, &documents)?;

    let query = SummaryQuery {
        start: Timestamp::from_micros(end.as_micros() - 6 * 3_600_000_000),
        end: end + Duration::from_secs(1),
        range: TimeRange::TraceId,
        limit: 100,
        after: None,
    };
    measure_query("first page of summaries", || {
        Ok(store.summaries(&query)?.summaries.len())
    })?;
    measure_query("the same page again", || {
        Ok(store.summaries(&query)?.summaries.len())
    })?;
    let event = SummaryQuery {
        range: TimeRange::Event,
        ..query.clone()
    };
    measure_query("first page by TimeRange::Event", || {
        Ok(store.summaries(&event)?.summaries.len())
    })?;
    let short = SummaryQuery { limit: 20, ..query };
    measure_query("open the directory again, first page of 20", || {
        let store = Store::open(directory.path())?;
        Ok(store.summaries(&short)?.summaries.len())
    })
}

fn measure_writes(store: &Store, documents: &[String]) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    for batch in documents.chunks(MAX_DOCUMENTS_PER_PUT) {
        let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
        for result in store.put_json(&batch)? {
            result?;
        }
    }
    let took = started.elapsed().as_secs_f64();
    let bytes: usize = documents.iter().map(String::len).sum();
    println!(
        "put_json, batches of {MAX_DOCUMENTS_PER_PUT}: {} documents of {} bytes in {took:.2} s, {:.0} per second",
        documents.len(),
        bytes / documents.len(),
        documents.len() as f64 / took
    );
    Ok(())
}

fn measure_query(
    name: &str,
    query: impl FnOnce() -> Result<usize, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let found = query()?;
    let took = started.elapsed().as_secs_f64() * 1000.0;
    println!("{name}: {found} traces in {took:.2} ms");
    Ok(())
}

/// Trace `n` of `of`, spread over the six hours before `end`: a function's segment and the
/// independent subsegments that its SDK sends.
fn trace(end: Timestamp, n: u32, of: u32) -> Vec<String> {
    let age = i64::from(of - n) * 6 * 3_600_000_000 / i64::from(of);
    let start = end.as_micros() - age;
    let trace_id = TraceId::random((start / 1_000_000) as u32);
    let ids: Vec<SegmentId> = (0..DOCUMENTS_PER_TRACE)
        .map(|_| SegmentId::random())
        .collect();
    let at = |micros: i64| Timestamp::from_micros(start + micros).as_seconds();
    let mut documents = vec![format!(
        r#"{{"name":"orders","id":"{}","trace_id":"{trace_id}","origin":"AWS::Lambda::Function","start_time":{},"end_time":{},"http":{{"request":{{"method":"POST","url":"https://api.example.com/items","user_agent":"curl/8","client_ip":"203.0.113.9"}},"response":{{"status":201}}}},"aws":{{"account_id":"123456789012","function_arn":"arn:aws:lambda:eu-west-1:123456789012:function:orders","xray":{{"sdk":"xray-lambda","sdk_version":"0.1.0"}}}},"annotations":{{"tenant":"t{}","items":{n}}},"metadata":{{"default":{{"note":"kept as it came"}}}}}}"#,
        ids[0],
        at(0),
        at(250_000),
        n % 100
    )];
    for (step, id) in ids.iter().enumerate().skip(1) {
        let offset = step as i64 * 10_000;
        documents.push(format!(
            r#"{{"type":"subsegment","name":"DynamoDB","id":"{id}","trace_id":"{trace_id}","parent_id":"{}","start_time":{},"end_time":{},"namespace":"aws","aws":{{"operation":"PutItem","region":"eu-west-1","table_name":"items","request_id":"9HTJ4F0VQGB6VJ3SQ2JF0P8H6NVV4KQNSO5AEMVJF66Q9ASUAAJG","retries":0}},"http":{{"response":{{"status":200,"content_length":2}}}}}}"#,
            ids[0], at(offset), at(offset + 8_000)
        ));
    }
    documents
}
