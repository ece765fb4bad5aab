//! The way of the platform's own segments into the store.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use xray_document::Document;
use xray_local_sandbox::SegmentSink;
use xray_local_store::Store;

use crate::message::note;

/// Writes documents to the store on its own thread, so that no request waits for the disk.
/// Documents that arrive during a write share the next transaction.
#[derive(Debug)]
pub(crate) struct StoreWriter {
    sender: Mutex<Option<Sender<Vec<Document>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl StoreWriter {
    pub(crate) fn start(store: Arc<Store>) -> Arc<Self> {
        let (sender, receiver) = channel();
        let thread = std::thread::spawn(move || write(&store, &receiver));
        Arc::new(Self {
            sender: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Returns when all documents are in the store. Later documents are dropped.
    pub(crate) fn finish(&self) {
        drop(
            self.sender
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // The thread's panic is on stderr already.
            let _ = thread.join();
        }
    }
}

impl SegmentSink for StoreWriter {
    fn put(&self, documents: Vec<Document>) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*sender {
            // Fails only if the thread has panicked, which is on stderr already.
            let _ = sender.send(documents);
        }
    }
}

fn write(store: &Store, receiver: &Receiver<Vec<Document>>) {
    while let Ok(mut documents) = receiver.recv() {
        documents.extend(receiver.try_iter().flatten());
        match store.put(&documents) {
            Ok(results) => {
                for error in results.into_iter().filter_map(Result::err) {
                    note(format_args!(
                        "a segment of the platform was not stored: {error}"
                    ));
                }
            }
            Err(error) => note(format_args!("segments were not stored: {error:#}")),
        }
    }
}
