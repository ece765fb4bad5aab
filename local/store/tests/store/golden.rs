//! Compiles captured datagrams of the official SDKs for Python and Node
//! (`tests/fixtures/*.bin`) and compares the traces with `tests/fixtures/compiled.json`,
//! which is reviewed like code.

use std::path::Path;

use serde_json::{Map, Value};
use xray_document::{Datagram, Document};
use xray_local_store::Store;

#[test]
fn captured_datagrams_compile_to_the_reviewed_traces() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let store = Store::in_memory().unwrap();
    let mut ids = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(&fixtures)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "bin"));
    files.sort();
    assert_eq!(files.len(), 7);
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        let Datagram::Document(json) = Datagram::parse(&bytes).unwrap() else {
            panic!("{} does not contain a document", path.display());
        };
        assert_eq!(
            store.put_json(&[json]).unwrap(),
            [Ok(())],
            "{}",
            path.display()
        );
        let id = Document::parse(json).unwrap().trace_id().unwrap();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let mut compiled = Map::new();
    for trace in store.traces(&ids).unwrap() {
        let documents = trace
            .segments
            .iter()
            .map(|s| serde_json::from_str(&s.json()).unwrap());
        compiled.insert(trace.id.to_string(), Value::Array(documents.collect()));
    }
    let compiled = Value::Object(compiled);
    let reviewed = std::fs::read_to_string(fixtures.join("compiled.json")).unwrap();
    let reviewed: Value = serde_json::from_str(&reviewed).unwrap();
    assert_eq!(compiled, reviewed, "compiled now:\n{compiled:#}");
}
