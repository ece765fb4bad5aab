//! Finds traces that lack a required annotation.

use std::collections::VecDeque;

use xray_document::TraceId;

/// The most traces that are open at a time; the oldest is then judged. It bounds memory.
const MAX_TRACES: usize = 1_024;

/// The required keys that each trace has had so far. A trace has many documents, and each key
/// needs to be in one of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequiredKeys {
    /// For each open trace, one bit for each key that was seen. Oldest first.
    open: VecDeque<(TraceId, u64)>,
    /// For each key, the judged traces without it.
    missing: Vec<u64>,
    traces: u64,
}

/// The most required keys: the bits of a trace.
pub(crate) const MAX_REQUIRED: usize = 64;

impl RequiredKeys {
    pub(crate) fn new(keys: usize) -> Self {
        Self {
            missing: vec![0; keys],
            ..Self::default()
        }
    }

    /// Adds the keys of a document, as bits.
    pub(crate) fn add(&mut self, trace: TraceId, seen: u64) {
        if let Some((_, bits)) = self.open.iter_mut().rev().find(|(id, _)| *id == trace) {
            *bits |= seen;
            return;
        }
        if self.open.len() == MAX_TRACES
            && let Some((_, bits)) = self.open.pop_front()
        {
            self.judge(bits);
        }
        self.open.push_back((trace, seen));
    }

    /// The number of traces, and for each key how many lack it. Open traces count as they are.
    pub(crate) fn result(&self) -> (u64, Vec<u64>) {
        let mut all = self.clone();
        while let Some((_, bits)) = all.open.pop_front() {
            all.judge(bits);
        }
        (all.traces, all.missing)
    }

    fn judge(&mut self, seen: u64) {
        self.traces += 1;
        for (index, missing) in self.missing.iter_mut().enumerate() {
            *missing += u64::from(seen & (1 << index) == 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_lacks_a_key_if_none_of_its_documents_has_it() {
        let mut keys = RequiredKeys::new(2);
        let traces: Vec<TraceId> = (0..2 * MAX_TRACES)
            .map(|_| TraceId::random(1_733_337_522))
            .collect();
        for &trace in &traces {
            keys.add(trace, 0b01);
        }
        keys.add(*traces.last().unwrap(), 0b10);
        assert_eq!(keys.open.len(), MAX_TRACES);
        let all = 2 * MAX_TRACES as u64;
        assert_eq!(keys.result(), (all, vec![0, all - 1]));
    }
}
