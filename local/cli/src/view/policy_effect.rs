use super::paint::{Paint, Style};
use crate::escape::escape;
use crate::policy_effect::Effect;

/// A table of the rules that would apply, one line for each example.
pub(crate) fn policy_effect(effect: &Effect, paint: Paint) -> String {
    let mut text = format!(
        "{} of {} segments in {} traces would change\n",
        effect.affected, effect.documents, effect.traces
    );
    if effect.rules.is_empty() {
        return text;
    }
    let mut rows = vec![["RULE", "COUNT", "EXAMPLES"].map(str::to_owned)];
    for rule in &effect.rules {
        let name = escape(&rule.rule, &[]).into_owned();
        let mut examples = rule.examples.iter().map(|example| escape(example, &[]));
        let first = examples.next().unwrap_or_default().into_owned();
        rows.push([name, rule.count.to_string(), first]);
        rows.extend(examples.map(|example| [String::new(), String::new(), example.into_owned()]));
    }
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let (rule, count) = (width(0), width(1));
    for (index, [name, number, example]) in rows.iter().enumerate() {
        let line = format!("{name:<rule$}  {number:>count$}  {example}");
        let line = line.trim_end();
        text.push_str(&match index {
            0 => paint.with(Style::Dim, line),
            _ => line.to_owned(),
        });
        text.push('\n');
    }
    text
}
