use std::borrow::Cow;

use xray_document::{SegmentId, TraceId, sanitize_name};

use crate::bucket::bucket_name;
use crate::detect::is_secret_key;
use crate::edits::Edits;
use crate::field_path::FIXED_FIELDS;
use crate::lexer::{Lexer, Malformed, Token, TokenKind};
use crate::policy::{Match, Policy, Rule, RuleNames};

/// Receives what a walk through a document finds.
pub(crate) trait Observer {
    /// A rule applies to the field at `path`, whose text has this many characters.
    fn found(&mut self, rule: Rule, path: &[Cow<'_, str>], characters: usize);
    /// An annotation that may be sent.
    fn annotation(&mut self, key: &str, value: &str);
}

/// The text that replaces what must not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mask {
    /// `[email]` and `{id}`.
    Named,
    /// `*`, which is never longer than what it replaces.
    Short,
}

/// The most levels of objects and arrays inside a document. A deeper value is not searched, and
/// must not be sent. It bounds the stack.
const MAX_DEPTH: usize = 128;

/// Searches a document, subsegments included, and collects the changes that the policy demands.
///
/// # Errors
/// The text is not JSON.
pub(crate) fn walk(
    policy: &Policy,
    json: &str,
    mask: Mask,
    observer: &mut dyn Observer,
) -> Result<Edits, Malformed> {
    let mut walk = Walk {
        policy,
        lexer: Lexer::new(json),
        path: Vec::new(),
        depth: 0,
        mask,
        edits: Edits::default(),
        observer,
    };
    let first = walk.lexer.token()?;
    walk.value(first, Role::Entity)?;
    walk.lexer.end()?;
    Ok(walk.edits)
}

/// The meaning of a value in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A segment or subsegment, or an array of them.
    Entity,
    Annotations,
    Name,
    Url,
    /// The id of a segment, a trace or an exception. Its digits may look like a card number.
    Id,
    Other,
}

struct Walk<'p, 'a, 'o> {
    policy: &'p Policy,
    lexer: Lexer<'a>,
    /// The names from the innermost segment or subsegment to the current value.
    path: Vec<Cow<'a, str>>,
    depth: usize,
    mask: Mask,
    edits: Edits,
    observer: &'o mut dyn Observer,
}

/// The members of an object so far, for the commas around a removed one.
#[derive(Default)]
struct Members {
    kept: bool,
    comma: Option<usize>,
}

/// What becomes of a member.
enum Member {
    Kept,
    /// Removed, up to this byte.
    Removed(usize),
}

impl Walk<'_, '_, '_> {
    fn value(&mut self, first: Token, role: Role) -> Result<(), Malformed> {
        match first.kind {
            TokenKind::ObjectStart | TokenKind::ArrayStart if self.depth == MAX_DEPTH => {
                let end = self.lexer.skip_value(first)?;
                self.found(RuleNames::DEPTH, 0);
                self.edits.replace(first.start..end, "\"\"");
                Ok(())
            }
            TokenKind::ObjectStart => {
                self.depth += 1;
                let entered = (role == Role::Entity).then(|| std::mem::take(&mut self.path));
                self.object(role)?;
                if let Some(outer) = entered {
                    self.path = outer;
                }
                self.depth -= 1;
                Ok(())
            }
            TokenKind::ArrayStart => {
                self.depth += 1;
                self.array(role)?;
                self.depth -= 1;
                Ok(())
            }
            TokenKind::String => {
                self.string(first, role);
                Ok(())
            }
            TokenKind::Scalar => {
                self.scalar(first, role);
                Ok(())
            }
            TokenKind::ObjectEnd | TokenKind::ArrayEnd | TokenKind::Colon | TokenKind::Comma => {
                Err(Malformed {
                    at: first.start,
                    expected: "a value",
                })
            }
        }
    }

    fn array(&mut self, role: Role) -> Result<(), Malformed> {
        let mut is_first = true;
        loop {
            let element = self.lexer.token()?;
            if is_first && element.kind == TokenKind::ArrayEnd {
                return Ok(());
            }
            is_first = false;
            self.value(element, role)?;
            let separator = self.lexer.token()?;
            match separator.kind {
                TokenKind::Comma => {}
                TokenKind::ArrayEnd => return Ok(()),
                _ => return Err(unexpected(separator)),
            }
        }
    }

    fn object(&mut self, role: Role) -> Result<(), Malformed> {
        let mut members = Members::default();
        loop {
            let key = self.lexer.token()?;
            match key.kind {
                TokenKind::String => {}
                TokenKind::ObjectEnd if members.comma.is_none() => return Ok(()),
                _ => return Err(unexpected(key)),
            }
            self.lexer.expect(TokenKind::Colon, "':'")?;
            let value = self.lexer.token()?;
            self.path.push(self.lexer.string(key));
            let member = self.member(role, key, value)?;
            self.path.pop();
            match member {
                Member::Kept => members.kept = true,
                Member::Removed(end) => {
                    // With the comma before it, which another member needs otherwise.
                    let comma = members.comma.filter(|_| members.kept);
                    self.edits.replace(comma.unwrap_or(key.start)..end, "");
                }
            }
            let separator = self.lexer.token()?;
            match separator.kind {
                TokenKind::Comma if !members.kept => {
                    self.edits.replace(separator.start..separator.end, "");
                }
                TokenKind::Comma => {}
                TokenKind::ObjectEnd => return Ok(()),
                _ => return Err(unexpected(separator)),
            }
            members.comma = Some(separator.start);
        }
    }

    /// Handles one member. The last part of the path is its name.
    fn member(&mut self, role: Role, key: Token, value: Token) -> Result<Member, Malformed> {
        let policy = self.policy;
        let is_fixed = role == Role::Entity && FIXED_FIELDS.contains(&self.name());
        if !is_fixed && let Some(rule) = policy.forbids(&self.path) {
            return self.remove(rule, value);
        }
        if role == Role::Annotations && self.path.len() == 2 {
            if !policy.is_annotation_allowed(self.name()) {
                return self.remove(RuleNames::ALLOWED, value);
            }
            let text = match value.kind {
                TokenKind::String => self.lexer.string(value),
                _ => Cow::Borrowed(self.lexer.text_of(value)),
            };
            let name = self.path.last().map(Cow::as_ref);
            self.observer.annotation(name.unwrap_or_default(), &text);
        }
        if !is_fixed && !policy.is_exempt(&self.path) {
            let masked = self.key(key);
            let name = masked.as_deref().unwrap_or(self.name());
            if let Some(rule) = policy.secret_rule().filter(|_| is_secret_key(name))
                && self.secret(rule, value)?
            {
                return Ok(Member::Kept);
            }
        }
        self.value(value, self.role(role))?;
        Ok(Member::Kept)
    }

    fn name(&self) -> &str {
        self.path.last().map_or("", Cow::as_ref)
    }

    fn remove(&mut self, rule: Rule, value: Token) -> Result<Member, Malformed> {
        let end = self.lexer.skip_value(value)?;
        self.found(rule, end - value.start);
        Ok(Member::Removed(end))
    }

    /// The meaning of the member at the current path, in an object of the role `outer`.
    fn role(&self, outer: Role) -> Role {
        let is = |path: &[&str]| self.path.iter().eq(path.iter());
        match self.name() {
            "name" if outer == Role::Entity => Role::Name,
            "subsegments" if outer == Role::Entity => Role::Entity,
            "annotations" if outer == Role::Entity => Role::Annotations,
            "id" | "trace_id" | "parent_id" | "precursor_ids" | "cause"
                if outer == Role::Entity =>
            {
                Role::Id
            }
            "id" | "trace_id" if self.path.first().is_some_and(|first| first == "links") => {
                Role::Id
            }
            "id" | "cause"
                if is(&["cause", "exceptions", "id"]) || is(&["cause", "exceptions", "cause"]) =>
            {
                Role::Id
            }
            "url" if is(&["http", "request", "url"]) || is(&["sql", "url"]) => Role::Url,
            _ => Role::Other,
        }
    }

    /// Replaces a name that itself contains what must not be sent, such as an e-mail address.
    /// Returns the new name.
    fn key(&mut self, key: Token) -> Option<String> {
        let name = self.lexer.string(key);
        let matches = self.policy.search(&name);
        if matches.is_empty() {
            return None;
        }
        self.found_all(&matches, &name);
        let masked = masked(self.policy, &name, &matches, self.mask);
        let masked = sanitize_name(&masked).into_owned();
        self.edits.replace_string(key.start..key.end, &masked);
        Some(masked)
    }

    /// Replaces the whole value of a field whose name announces a secret. Returns whether that
    /// was done: booleans and `null` hold no secret.
    fn secret(&mut self, rule: Rule, value: Token) -> Result<bool, Malformed> {
        let mask = mask_text(self.policy, rule, self.mask);
        let is_secret = match value.kind {
            TokenKind::Scalar => self.lexer.text_of(value).starts_with(is_number_start),
            TokenKind::String => {
                let text = self.lexer.string(value);
                !text.is_empty() && text != mask && text != "*"
            }
            TokenKind::ObjectStart | TokenKind::ArrayStart => true,
            _ => false,
        };
        if !is_secret {
            return Ok(false);
        }
        let end = self.lexer.skip_value(value)?;
        self.found(rule, end - value.start);
        if self.mask == Mask::Short && end - value.start < "\"*\"".len() {
            self.edits.replace(value.start..end, "0");
        } else {
            self.edits.replace_string(value.start..end, &mask);
        }
        Ok(true)
    }

    fn string(&mut self, token: Token, role: Role) {
        let original = self.lexer.string(token);
        let is_id = || original.parse::<SegmentId>().is_ok() || original.parse::<TraceId>().is_ok();
        if role == Role::Id && is_id() {
            return;
        }
        let mut text = Cow::Borrowed(original.as_ref());
        let id = match self.mask {
            Mask::Named => "{id}",
            Mask::Short => "*",
        };
        let urls = self.policy.urls.as_ref().filter(|_| role == Role::Url);
        if let Some(clean) = urls.and_then(|urls| urls.clean(&text, id)) {
            self.found(RuleNames::URLS, original.chars().count());
            text = Cow::Owned(clean);
        }
        let buckets = role == Role::Name && self.policy.bucket_names;
        if buckets && let Some(clean) = bucket_name(&text, id) {
            self.found(RuleNames::NAMES, original.chars().count());
            text = Cow::Owned(clean);
        }
        let matches = self.policy.search(&text);
        if !matches.is_empty() && !self.policy.is_exempt(&self.path) {
            self.found_all(&matches, &text);
            text = Cow::Owned(masked(self.policy, &text, &matches, self.mask));
        }
        if text != original {
            let text = match role {
                Role::Name => sanitize_name(&text),
                _ => Cow::Borrowed(text.as_ref()),
            };
            self.edits.replace_string(token.start..token.end, &text);
        }
    }

    /// Searches a number, which may be a card number. Times are no such numbers.
    fn scalar(&mut self, token: Token, role: Role) {
        const MIN_CARD_DIGITS: usize = 13;
        let text = self.lexer.text_of(token);
        let is_number = text.starts_with(is_number_start);
        let is_time = self.path.len() == 1 && matches!(self.name(), "start_time" | "end_time");
        if !is_number || text.len() < MIN_CARD_DIGITS || is_time || role == Role::Id {
            return;
        }
        let matches = self.policy.search(text);
        if !matches.is_empty() && !self.policy.is_exempt(&self.path) {
            self.found_all(&matches, text);
            let masked = masked(self.policy, text, &matches, self.mask);
            self.edits.replace_string(token.start..token.end, &masked);
        }
    }

    fn found_all(&mut self, matches: &[Match], text: &str) {
        for found in matches {
            let found_text = text.get(found.start..found.end).unwrap_or_default();
            self.found(found.rule, found_text.chars().count());
        }
    }

    fn found(&mut self, rule: Rule, characters: usize) {
        self.observer.found(rule, &self.path, characters);
    }
}

fn is_number_start(c: char) -> bool {
    c == '-' || c.is_ascii_digit()
}

fn unexpected(token: Token) -> Malformed {
    Malformed {
        at: token.start,
        expected: "',' or the end of the object or array",
    }
}

fn mask_text(policy: &Policy, rule: Rule, mask: Mask) -> String {
    match mask {
        Mask::Named => format!("[{}]", policy.mask_name(rule)),
        Mask::Short => "*".to_owned(),
    }
}

fn masked(policy: &Policy, text: &str, matches: &[Match], mask: Mask) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for found in matches {
        masked.push_str(text.get(at..found.start).unwrap_or_default());
        masked.push_str(&mask_text(policy, found.rule, mask));
        at = found.end;
    }
    masked.push_str(text.get(at..).unwrap_or_default());
    masked
}
