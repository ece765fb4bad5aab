//! A file as a sink: JSON Lines, one document per line, for debugging and tests.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::sink::{Outcome, SendFuture, Sink};
use crate::buffer::{Batch, BatchLimits};

/// Appends each document to a file, as one line. A document that is sent twice has two lines,
/// of which the last is valid.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
}

/// Bounds the time that one write takes.
const LIMITS: BatchLimits = BatchLimits {
    documents: 1_000,
    bytes: 1024 * 1024,
};

/// Not enforced: a write to the local disk ends by itself.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The largest size of the file. Lambda's `/tmp` has 512 MB by default (Lambda Developer Guide,
/// ephemeral storage), and the function needs it.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

impl File {
    /// Sends documents to the file at `path`, which the first document creates. Only its owner
    /// may read it.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Sink for File {
    fn name(&self) -> &'static str {
        "the file"
    }

    fn limits(&self) -> BatchLimits {
        LIMITS
    }

    /// One, so that the lines of two batches do not mix.
    fn batches_in_flight(&self) -> usize {
        1
    }

    fn timeout(&self) -> Duration {
        TIMEOUT
    }

    fn send<'a>(&'a self, batch: &'a Batch, _: Instant) -> SendFuture<'a> {
        Box::pin(async {
            let (path, lines) = (self.path.clone(), lines(batch));
            let written = tokio::task::spawn_blocking(move || append(&path, &lines)).await;
            match written {
                Ok(Ok(true)) => Outcome::Accepted(Vec::new()),
                Ok(Ok(false)) => Outcome::Rejected(format!(
                    "{} has reached its limit of {MAX_FILE_BYTES} bytes; move or delete it",
                    self.path.display()
                )),
                Ok(Err(error)) => Outcome::Later(
                    format!(
                        "cannot write to {}: {error}; check XRAY_LAMBDA_SINKS",
                        self.path.display()
                    )
                    .into(),
                ),
                Err(_) => Outcome::Later("the write was interrupted".into()),
            }
        })
    }
}

fn lines(batch: &Batch) -> Vec<u8> {
    let mut lines = Vec::new();
    for document in batch.documents() {
        // Inside JSON strings a line break is escaped; elsewhere it is white space.
        let line = document.json.bytes().map(|byte| match byte {
            b'\n' | b'\r' => b' ',
            byte => byte,
        });
        lines.extend(line);
        lines.push(b'\n');
    }
    lines
}

/// Appends all lines or none. Returns false if the file has no space for them.
fn append(path: &Path, lines: &[u8]) -> io::Result<bool> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let before = file.metadata()?.len();
    if before + lines.len() as u64 > MAX_FILE_BYTES {
        return Ok(false);
    }
    file.write_all(lines).inspect_err(|_| {
        // Removes the partial line. If this fails too, the partial line stays.
        let _ = file.set_len(before);
    })?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use xray_document::SegmentId;

    use super::*;
    use crate::buffer::DocumentBuffer;
    use crate::export::sink::Failure;
    use crate::raw_document::RawDocument;

    fn batch(documents: &[&str]) -> Batch {
        let mut buffer = DocumentBuffer::new(1 << 20);
        for (id, json) in documents.iter().enumerate() {
            let id = SegmentId::from_u64(id as u64);
            buffer.push(RawDocument::new(None, id, false, *json));
        }
        buffer.take_batch(LIMITS).unwrap()
    }

    async fn send(path: &Path, documents: &[&str]) -> Outcome {
        File::new(path.to_owned())
            .send(&batch(documents), Instant::now())
            .await
    }

    #[tokio::test]
    async fn each_document_becomes_one_line_and_batches_are_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("documents.jsonl");
        let accepted = Outcome::Accepted(Vec::new());
        assert_eq!(
            send(&path, &["{\"a\":1}", "{\n\"b\":\r\n2}"]).await,
            accepted
        );
        assert_eq!(send(&path, &["{}"]).await, accepted);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1]["b"], 2);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "documents may hold personal data");
    }

    #[tokio::test]
    async fn documents_wait_if_the_file_cannot_be_written() {
        let Outcome::Later(Failure { reason, .. }) =
            send(Path::new("/nonexistent/file"), &["{}"]).await
        else {
            panic!("not kept")
        };
        assert!(reason.contains("/nonexistent/file"), "{reason}");
    }

    #[tokio::test]
    async fn a_full_file_rejects_documents_and_does_not_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("documents.jsonl");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(MAX_FILE_BYTES - 1).unwrap();
        assert!(matches!(send(&path, &["{}"]).await, Outcome::Rejected(_)));
        assert_eq!(file.metadata().unwrap().len(), MAX_FILE_BYTES - 1);
    }
}
