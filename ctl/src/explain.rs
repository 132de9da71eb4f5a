//! `explain LINK`: why there is or is no IPv4.

use crate::failure::Failure;
use crate::output::{Mood, Output};
use crate::service::Service;
use serde_json::json;

/// Widest line of running text.
const WIDTH: usize = 100;

/// Prints the steps.
pub async fn run(
    service: &Service,
    name: &str,
    namespace: Option<&str>,
    output: &Output,
) -> Result<(), Failure> {
    let link = service.link(name, namespace).await?;
    let steps = service.proxy(&link.path).await?.explain().await?;
    if output.json {
        let steps: Vec<_> = steps
            .iter()
            .map(|step| json!({ "name": step.name, "verdict": step.verdict, "evidence": step.evidence }))
            .collect();
        return output.document(&json!({ "name": link.name, "namespace": link.namespace, "steps": steps }));
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
