use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::unix::pipe;

/// Receives each line, without its end. Must not block.
pub(crate) type LineHandler = Arc<dyn Fn(&str) + Send + Sync>;

/// Bytes of a line; a longer one is cut. CloudWatch Logs accepts events of up to 256 KB
/// (CloudWatch Logs quotas, "Event size"; 1 MB since 2025).
const MAX_LINE_BYTES: usize = 256 * 1024;

/// Bytes that one drain reads at most, so that a process that never stops writing cannot
/// delay an invocation.
const MAX_DRAIN_BYTES: usize = 4 * 1024 * 1024;

/// The stdout or stderr of a process, cut into lines.
///
/// The background task and [`drain`](Self::drain) share the reading end. A drain therefore
/// passes on every line that was written before it, in order.
pub(crate) struct Output {
    pipe: pipe::Receiver,
    /// The beginning of a line whose end has not arrived.
    unfinished: Mutex<Vec<u8>>,
    lines: LineHandler,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

impl Output {
    /// Returns the output, and the writing end for the process.
    pub(crate) fn new(lines: LineHandler) -> io::Result<(Self, io::PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let pipe = pipe::Receiver::from_owned_fd(reader.into())?;
        Ok((
            Self {
                pipe,
                unfinished: Mutex::default(),
                lines,
            },
            writer,
        ))
    }

    /// Passes lines on until the process and every process that inherited its pipe have ended.
    pub(crate) async fn read(self: Arc<Self>) {
        loop {
            if self.pipe.readable().await.is_err() {
                return;
            }
            // Reads through tokio, which then clears the readiness of an empty pipe.
            if self.pass_on(|buffer| self.pipe.try_read(buffer)) {
                return;
            }
        }
    }

    /// Passes on every complete line that was written so far, without waiting for the
    /// background task.
    pub(crate) fn drain(&self) {
        self.pass_on(|buffer| Ok(rustix::io::read(&self.pipe, buffer)?));
    }

    /// Like [`drain`](Self::drain), and passes on the unfinished line, too.
    pub(crate) fn flush(&self) {
        self.drain();
        let mut unfinished = self
            .unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.pass_line(&std::mem::take(&mut *unfinished));
    }

    /// Reads until the pipe is empty, [`MAX_DRAIN_BYTES`] at most. Returns true at the end of
    /// the stream.
    fn pass_on(&self, read: impl Fn(&mut [u8]) -> io::Result<usize>) -> bool {
        let mut unfinished = self
            .unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut buffer = [0; 8192];
        let mut total = 0;
        while total < MAX_DRAIN_BYTES {
            match read(&mut buffer) {
                Ok(0) => {
                    self.pass_line(&std::mem::take(&mut *unfinished));
                    return true;
                }
                Ok(bytes) => {
                    total += bytes;
                    self.pass_complete_lines(&mut unfinished, &buffer[..bytes]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() != ErrorKind::WouldBlock,
            }
        }
        false
    }

    /// Passes on each complete line and keeps the rest in `unfinished`.
    fn pass_complete_lines(&self, unfinished: &mut Vec<u8>, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            unfinished.extend_from_slice(&bytes[..end]);
            let line = unfinished.strip_suffix(b"\r").unwrap_or(unfinished);
            (self.lines)(&String::from_utf8_lossy(line));
            unfinished.clear();
            bytes = &bytes[end + 1..];
        }
        unfinished.extend_from_slice(bytes);
        if unfinished.len() >= MAX_LINE_BYTES {
            self.pass_line(&std::mem::take(unfinished));
        }
    }

    fn pass_line(&self, line: &[u8]) {
        if !line.is_empty() {
            (self.lines)(&String::from_utf8_lossy(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[tokio::test]
    async fn a_drain_passes_on_the_lines_that_were_written_before_it() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&seen);
        let (output, mut end) = Output::new(Arc::new(move |line: &str| {
            lines.lock().unwrap().push(line.to_owned());
        }))
        .unwrap();
        end.write_all(b"a\n\nhalf").unwrap();
        output.drain();
        assert_eq!(*seen.lock().unwrap(), ["a", ""]);
        end.write_all(b" done\n").unwrap();
        output.drain();
        assert_eq!(*seen.lock().unwrap(), ["a", "", "half done"]);
    }

    #[tokio::test]
    async fn a_flush_passes_on_the_unfinished_line_and_the_rest_is_another_line() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&seen);
        let (output, mut end) = Output::new(Arc::new(move |line: &str| {
            lines.lock().unwrap().push(line.to_owned());
        }))
        .unwrap();
        end.write_all(b"a\nhalf").unwrap();
        output.flush();
        output.flush();
        end.write_all(b"whole\n").unwrap();
        output.flush();
        assert_eq!(*seen.lock().unwrap(), ["a", "half", "whole"]);
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_at_the_limit() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&seen);
        let (output, mut end) = Output::new(Arc::new(move |line: &str| {
            lines.lock().unwrap().push(line.len());
        }))
        .unwrap();
        let output = Arc::new(output);
        let reader = tokio::spawn(Arc::clone(&output).read());
        let writer =
            tokio::task::spawn_blocking(move || end.write_all(&vec![b'x'; MAX_LINE_BYTES + 10]));
        writer.await.unwrap().unwrap();
        reader.await.unwrap();
        let seen = seen.lock().unwrap();
        assert_eq!(seen.iter().sum::<usize>(), MAX_LINE_BYTES + 10);
        assert!(seen[0] >= MAX_LINE_BYTES, "{seen:?}");
    }
}
