use std::collections::{HashMap, VecDeque};

use xray_document::TraceId;

use super::Decided;
use crate::raw_document::RawDocument;

/// The traces of an environment: the documents that wait, and the decisions so far. Bounded in
/// bytes and in traces; if space runs out, the oldest trace is kept.
#[derive(Debug)]
pub(super) struct Traces {
    traces: HashMap<TraceId, Trace>,
    /// The order in which the traces began to wait or were decided without.
    order: VecDeque<TraceId>,
    bytes: usize,
    max_bytes: usize,
    /// The number of INVOKEs so far.
    invokes: u64,
    /// Traces that were kept because space or time ran out.
    pub(super) kept_undecided: u64,
}

#[derive(Debug)]
struct Trace {
    state: State,
    /// The number of INVOKEs when the trace began to wait.
    since: u64,
}

#[derive(Debug)]
enum State {
    /// Undecided. `invoked` is true if an invocation of the trace runs.
    Waiting {
        documents: Vec<RawDocument>,
        invoked: bool,
    },
    Kept,
    /// `invoke_due` is true if the INVOKE of the invocation that decided has not arrived.
    Filtered {
        invoke_due: bool,
    },
}

/// What is known of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Undecided,
    Kept,
    Filtered,
}

/// The most traces that are remembered. On Managed Instances, which send no INVOKE, a trace waits
/// until so many others have followed it.
const MAX_TRACES: usize = 1_024;

/// The outcome of an invocation arrives with the next one or the one after it. After so many
/// INVOKEs it does not come any more.
const MAX_INVOKES: u64 = 8;

impl Traces {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            traces: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            max_bytes,
            invokes: 0,
            kept_undecided: 0,
        }
    }

    pub(super) fn known(&self, trace: TraceId) -> Known {
        match self.traces.get(&trace).map(|trace| &trace.state) {
            None | Some(State::Waiting { .. }) => Known::Undecided,
            Some(State::Kept) => Known::Kept,
            Some(State::Filtered { .. }) => Known::Filtered,
        }
    }

    /// The documents of a trace that wait.
    pub(super) fn waiting(&self, trace: TraceId) -> &[RawDocument] {
        match self.traces.get(&trace).map(|trace| &trace.state) {
            Some(State::Waiting { documents, .. }) => documents,
            _ => &[],
        }
    }

    /// Lets a document of an undecided trace wait. Returns the documents of other traces that
    /// are kept to make space; of this one if it is alone.
    pub(super) fn wait(&mut self, trace: TraceId, document: RawDocument) -> Decided {
        self.bytes += document.bytes();
        let entry = self.entry(trace);
        match &mut entry.state {
            State::Waiting { documents, .. } => documents.push(document),
            state => {
                *state = State::Waiting {
                    documents: vec![document],
                    invoked: false,
                }
            }
        }
        self.make_space()
    }

    /// Notes an INVOKE of a trace whose outcome decides. A trace that was filtered out is
    /// undecided again, because an error of this invocation must be seen.
    pub(super) fn invoke(&mut self, trace: TraceId) -> Decided {
        let since = self.invokes;
        let entry = self.entry(trace);
        entry.since = since;
        match &mut entry.state {
            State::Waiting { invoked, .. } => *invoked = true,
            State::Kept => {}
            State::Filtered { invoke_due } if *invoke_due => *invoke_due = false,
            State::Filtered { .. } => {
                entry.state = State::Waiting {
                    documents: Vec::new(),
                    invoked: true,
                }
            }
        }
        self.make_space()
    }

    /// Counts an INVOKE, and keeps what has waited for too many of them.
    pub(super) fn count_invoke(&mut self) -> Decided {
        self.invokes += 1;
        let limit = self.invokes.saturating_sub(MAX_INVOKES);
        self.keep_waiting(|trace, _| trace.since < limit)
    }

    /// Returns whether a trace is undecided and no INVOKE of it has arrived.
    pub(super) fn awaits_invoke(&self, trace: TraceId) -> bool {
        match self.traces.get(&trace).map(|trace| &trace.state) {
            None => true,
            Some(State::Waiting { invoked, .. }) => !invoked,
            Some(State::Kept | State::Filtered { .. }) => false,
        }
    }

    /// Lets the next INVOKE of a trace that was filtered out not reopen it: it belongs to the
    /// invocation that decided.
    pub(super) fn ignore_next_invoke(&mut self, trace: TraceId) {
        let known = self.traces.get_mut(&trace).map(|trace| &mut trace.state);
        if let Some(State::Filtered { invoke_due }) = known {
            *invoke_due = true;
        }
    }

    /// Returns whether a trace waits for its outcome.
    pub(super) fn has_undecided(&self) -> bool {
        let mut states = self.traces.values().map(|trace| &trace.state);
        states.any(|state| match state {
            State::Waiting { documents, invoked } => *invoked || !documents.is_empty(),
            State::Kept | State::Filtered { .. } => false,
        })
    }

    /// Decides about a trace.
    pub(super) fn decide(&mut self, trace: TraceId, keep: bool) -> Decided {
        let entry = self.entry(trace);
        let decision = if keep {
            State::Kept
        } else {
            State::Filtered { invoke_due: false }
        };
        let mut decided = Decided::default();
        if let State::Waiting { documents, .. } = std::mem::replace(&mut entry.state, decision) {
            self.bytes -= documents.iter().map(RawDocument::bytes).sum::<usize>();
            if keep {
                decided.kept = documents;
            } else {
                decided.filtered = documents.len();
            }
        }
        decided.append(self.make_space());
        decided
    }

    /// Keeps the waiting traces of which no invocation is known to run.
    pub(super) fn keep_without_invocation(&mut self) -> Decided {
        self.keep_waiting(|_, invoked| !invoked)
    }

    /// Keeps all waiting traces.
    pub(super) fn keep_all(&mut self) -> Decided {
        self.keep_waiting(|_, _| true)
    }

    fn keep_waiting(&mut self, is_meant: impl Fn(&Trace, bool) -> bool) -> Decided {
        let waiting = self.order.iter().filter(|id| {
            self.traces.get(id).is_some_and(|trace| match trace.state {
                State::Waiting { invoked, .. } => is_meant(trace, invoked),
                State::Kept | State::Filtered { .. } => false,
            })
        });
        let waiting: Vec<TraceId> = waiting.copied().collect();
        let mut decided = Decided::default();
        for trace in waiting {
            decided.append(self.decide(trace, true));
        }
        decided
    }

    fn entry(&mut self, trace: TraceId) -> &mut Trace {
        let (since, order) = (self.invokes, &mut self.order);
        self.traces.entry(trace).or_insert_with(|| {
            order.push_back(trace);
            Trace {
                state: State::Waiting {
                    documents: Vec::new(),
                    invoked: false,
                },
                since,
            }
        })
    }

    /// Keeps the oldest waiting traces while there are too many bytes, and forgets the oldest
    /// traces while there are too many.
    fn make_space(&mut self) -> Decided {
        let mut decided = Decided::default();
        while self.bytes > self.max_bytes {
            let has_documents = |id: &&TraceId| !self.waiting(**id).is_empty();
            let Some(oldest) = self.order.iter().find(has_documents).copied() else {
                break;
            };
            self.kept_undecided += 1;
            decided.append(self.release(oldest));
        }
        while self.order.len() > MAX_TRACES {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            decided.append(self.release(oldest));
            self.traces.remove(&oldest);
        }
        decided
    }

    /// Keeps a trace if it is undecided.
    fn release(&mut self, trace: TraceId) -> Decided {
        let Some(Trace {
            state: state @ State::Waiting { .. },
            ..
        }) = self.traces.get_mut(&trace)
        else {
            return Decided::default();
        };
        let mut decided = Decided::default();
        if let State::Waiting { documents, .. } = std::mem::replace(state, State::Kept) {
            self.bytes -= documents.iter().map(RawDocument::bytes).sum::<usize>();
            decided.kept = documents;
        }
        decided
    }

    #[cfg(test)]
    pub(super) fn waiting_documents(&self) -> usize {
        let waiting = self.traces.keys().map(|id| self.waiting(*id).len());
        waiting.sum()
    }

    #[cfg(test)]
    pub(super) fn assert_bounded(&self) {
        let documents = self.traces.keys().flat_map(|id| self.waiting(*id));
        let bytes: usize = documents.map(RawDocument::bytes).sum();
        assert_eq!(self.bytes, bytes);
        assert!(self.bytes <= self.max_bytes);
        assert!(self.order.len() <= MAX_TRACES && self.order.len() == self.traces.len());
    }
}

impl Decided {
    pub(super) fn append(&mut self, mut other: Self) {
        self.kept.append(&mut other.kept);
        self.filtered += other.filtered;
    }
}
