//! `explain NAME`: why there is or is no IPv4, or why a role does not work.

use crate::failure::Failure;
use crate::output::{Mood, Output};
use crate::role;
use crate::service::{Service, Subject};
use serde_json::json;

/// Widest line of running text.
const WIDTH: usize = 100;

/// Prints the steps: those that the service tells of a link, or those that follow from what it shows of a role.
pub async fn run(
    service: &Service,
    name: &str,
    namespace: Option<&str>,
    output: &Output,
) -> Result<(), Failure> {
    let (title, steps) = match service.subject(name, namespace).await? {
        Subject::Link(link) => {
            let steps = service.proxy(&link.path).await?.explain().await?;
            (json!({ "name": link.name, "namespace": link.namespace }), steps)
        }
        Subject::Role(role) => (
            json!({ "name": role.name, "kind": role.kind, "namespace": role.text("Namespace") }),
            role::explain::steps(&role),
        ),
    };
    if output.json {
        let steps: Vec<_> = steps
            .iter()
            .map(|step| json!({ "name": step.name, "verdict": step.verdict, "evidence": step.evidence }))
            .collect();
        let mut document = title;
        if let Some(document) = document.as_object_mut() {
            document.insert("steps".into(), steps.into());
        }
        return output.document(&document);
    }
    let width = steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
    for step in &steps {
        let (mark, mood) = match step.verdict.as_str() {
            "ok" => ("ok", Mood::Good),
            "waiting" => ("wait", Mood::Pending),
            "failed" => ("STOP", Mood::Bad),
            _ => ("-", Mood::Faint),
        };
        let text = if mark == "-" { Mood::Faint } else { Mood::Plain };
        let mut lines = wrap(&step.evidence, WIDTH.saturating_sub(width + 8)).into_iter();
        let first = lines.next().unwrap_or_default();
        let title = format!("{:width$}", step.name);
        output.line(&format!(
            "{}  {}  {}",
            output.paint(mood, &format!("{mark:4}")),
            output.paint(text, &title),
            output.paint(text, &first)
        ))?;
        for line in lines {
            output.line(&format!("{:indent$}{}", "", output.paint(text, &line), indent = width + 8))?;
        }
    }
    Ok(())
}

/// `text` broken at blanks into lines of up to `width` octets; longer words stand alone.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| line.len() + 1 + word.len() <= width) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_at_blanks() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("extraordinary x", 5), ["extraordinary", "x"]);
        assert!(wrap("", 5).is_empty());
    }
}
