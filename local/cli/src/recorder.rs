//! From the platform's own segments to the store.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use xray_document::Document;
use xray_local_sandbox::SegmentSink;
use xray_local_store::Store;

/// Puts documents into the store on a thread of its own, so that no request waits for a
/// disk; what has gathered meanwhile goes in one transaction.
#[derive(Debug)]
pub(crate) struct Recorder {
    sender: Mutex<Option<Sender<Vec<Document>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    pub(crate) fn start(store: Arc<Store>) -> Arc<Self> {
        let (sender, receiver) = channel();
        let thread = std::thread::spawn(move || write(&store, &receiver));
        Arc::new(Self {
            sender: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Returns once everything is in the store; what comes later is dropped.
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
            // A panic of the thread has been printed.
            let _ = thread.join();
        }
    }
}

impl SegmentSink for Recorder {
    fn put(&self, documents: Vec<Document>) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*sender {
            // It is gone only after `finish`.
            let _ = sender.send(documents);
        }
    }
}

fn write(store: &Store, receiver: &Receiver<Vec<Document>>) {
    while let Ok(mut documents) = receiver.recv() {
        documents.extend(receiver.try_iter().flatten());
        match store.put(&documents) {
            Ok(taken) => {
                for refused in taken.into_iter().filter_map(Result::err) {
                    eprintln!("xray-local: the platform's own segment was not stored: {refused}");
                }
            }
            Err(error) => eprintln!("xray-local: segments were not stored: {error}"),
        }
    }
}
