use xray_document::{Sampled, Timestamp, TraceHeader};

use super::facts::Facts;
use super::rules::{Reason, Rules};
use super::traces::{Known, Traces};
use super::{Decided, Keep, Verdict};
use crate::Log;
use crate::config::KEEP;
use crate::raw_document::RawDocument;
use crate::settings_file;
use crate::telemetry::InvocationOutcome;

/// The keep rules of `XRAY_LAMBDA_KEEP`. They are read when the first INVOKE or document arrives,
/// which is after the first call of `/next`.
///
/// A trace is decided when the outcome of its invocation is known. If that cannot be, it is kept.
/// A decision to keep is final. A decision to filter out holds until another invocation of the
/// same trace ends with a reason to keep it.
#[derive(Debug)]
pub struct ConfiguredKeep {
    rules: State,
    traces: Traces,
    /// True if the extension records a function segment for traces that nobody has decided.
    function_segment: bool,
    /// True if Lambda sends INVOKE events. Managed Instances do not.
    receives_invokes: bool,
    is_shutting_down: bool,
    /// The decisions by reason, as in [`Reason::ALL`]; the last one counts those against.
    counts: [u64; Reason::ALL.len() + 1],
}

#[derive(Debug)]
enum State {
    /// The value of the variable.
    Unread(String),
    Ready(Box<Rules>),
    /// The rules are wrong, or no trace is theirs to decide.
    KeepAll,
}

impl ConfiguredKeep {
    /// `value` is the rules in JSON, or the path of their file. Documents that wait take up to
    /// `max_bytes`.
    pub fn new(
        value: String,
        function_segment: bool,
        receives_invokes: bool,
        max_bytes: usize,
    ) -> Self {
        Self {
            rules: State::Unread(value),
            traces: Traces::new(max_bytes),
            function_segment,
            receives_invokes,
            is_shutting_down: false,
            counts: [0; Reason::ALL.len() + 1],
        }
    }

    /// The rules, if traces are decided by them.
    fn rules(&mut self, log: &mut Log) -> Option<&mut Rules> {
        if let State::Unread(value) = &self.rules {
            self.rules = match read(value, log) {
                Some(rules) if self.decides(&rules, log) => State::Ready(Box::new(rules)),
                _ => State::KeepAll,
            };
        }
        match &mut self.rules {
            State::Ready(rules) => Some(rules),
            State::Unread(_) | State::KeepAll => None,
        }
    }

    /// Returns whether there are traces that these rules decide.
    fn decides(&self, rules: &Rules, log: &mut Log) -> bool {
        let decides = rules.apply_to_sampled || self.function_segment && self.receives_invokes;
        if !decides {
            log.once(format_args!(
                "{} has no effect: every trace was sampled before; set XRAY_LAMBDA_FUNCTION_SEGMENT=true, or \"apply_to_sampled\": true",
                KEEP.name
            ));
        }
        decides
    }

    fn count(&mut self, reason: Reason) {
        let known = Reason::ALL.iter().position(|(known, _)| *known == reason);
        self.counts[known.unwrap_or(Reason::ALL.len())] += 1;
    }
}

impl Keep for ConfiguredKeep {
    fn accept(&mut self, document: RawDocument, log: &mut Log) -> Verdict {
        let Some(trace) = document.trace_id.filter(|_| self.rules(log).is_some()) else {
            return Verdict::Kept(document);
        };
        match self.traces.known(trace) {
            Known::Kept => Verdict::Kept(document),
            Known::Filtered => Verdict::Filtered,
            Known::Undecided if self.is_shutting_down => Verdict::Kept(document),
            Known::Undecided => Verdict::Waits(self.traces.wait(trace, document)),
        }
    }

    fn invocation_started(&mut self, header: &str, log: &mut Log) -> Decided {
        let Some(rules) = self.rules(log) else {
            return Decided::default();
        };
        let apply_to_sampled = rules.apply_to_sampled;
        let mut decided = self.traces.count_invoke();
        let header = TraceHeader::parse(header);
        let Some(trace) = header.root else {
            return decided;
        };
        let is_theirs = match header.sampled {
            // The caller has decided, and other segments of the trace are recorded.
            Sampled::Yes => apply_to_sampled,
            // No segment of the trace is recorded.
            Sampled::No => false,
            Sampled::Undecided | Sampled::Requested => self.function_segment || apply_to_sampled,
        };
        let next = if is_theirs {
            self.traces.invoke(trace)
        } else {
            self.traces.decide(trace, true)
        };
        decided.append(next);
        decided
    }

    fn invocation_ended(
        &mut self,
        outcome: &InvocationOutcome,
        now: Timestamp,
        log: &mut Log,
    ) -> Decided {
        self.rules(log);
        let State::Ready(rules) = &mut self.rules else {
            return Decided::default();
        };
        let trace = outcome.trace_id;
        let mut decided = Decided::default();
        if outcome.is_sampled && !rules.apply_to_sampled {
            // Telemetry may arrive before INVOKE.
            rules.learn(outcome);
            decided = self.traces.decide(trace, true);
        } else if self.traces.known(trace) == Known::Kept {
            rules.learn(outcome);
        } else {
            let facts = Facts::of(self.traces.waiting(trace));
            let reason = rules.decide(outcome, &facts, now);
            let is_early =
                self.receives_invokes && outcome.is_sampled && self.traces.awaits_invoke(trace);
            self.count(reason);
            decided = self.traces.decide(trace, reason.keeps());
            if is_early {
                self.traces.ignore_next_invoke(trace);
            }
        }
        // On Managed Instances other invocations run at the same time, and none is announced.
        if self.receives_invokes {
            // Their invocation ended too, or was never announced.
            decided.append(self.traces.keep_without_invocation());
        }
        decided
    }

    fn awaits_outcome(&self) -> bool {
        let decides = matches!(self.rules, State::Ready(_));
        decides && self.receives_invokes && self.traces.has_undecided()
    }

    fn shut_down(&mut self) -> Decided {
        self.is_shutting_down = true;
        self.traces.keep_all()
    }

    fn summary(&self) -> Option<String> {
        let kept: u64 = self.counts[..Reason::ALL.len()].iter().sum();
        let filtered = self.counts[Reason::ALL.len()];
        let undecided = self.traces.kept_undecided;
        if kept + filtered + undecided == 0 {
            return None;
        }
        let mut line = format!("keep rules: {filtered} traces filtered out, {kept} kept");
        let mut separator = ": ";
        for ((_, name), count) in Reason::ALL.iter().zip(self.counts) {
            if count > 0 {
                line += &format!("{separator}{count} {name}");
                separator = ", ";
            }
        }
        if undecided > 0 {
            line += &format!(
                "; {undecided} more were kept because too many bytes waited for their outcome"
            );
        }
        Some(line)
    }
}

fn read(value: &str, log: &mut Log) -> Option<Rules> {
    let settings = match settings_file::read(KEEP.name, value) {
        Ok(settings) => settings,
        Err(error) => {
            log.once(format_args!("{error}; every trace is kept"));
            return None;
        }
    };
    match Rules::parse(&settings.text) {
        Ok(rules) => Some(rules),
        Err(problems) => {
            let place = settings.place.escape_debug();
            for problem in problems {
                log.once(format_args!("{place}:{problem}; every trace is kept"));
            }
            None
        }
    }
}

#[cfg(test)]
mod tests;
