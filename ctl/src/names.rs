//! `names`: what shell completions offer.

use crate::failure::Failure;
use crate::output::Output;
use crate::role::Role;
use crate::service::Service;
use std::collections::BTreeSet;

/// Prints the names, each once. Shells expand what they complete, so a name with anything else than plain characters is
/// left out.
pub async fn run(service: &Service, output: &Output) -> Result<(), Failure> {
    let (links, roles) = service.both_sides(None).await?;
    for name in offered(links.into_iter().map(|link| link.name), &roles) {
        output.line(&name)?;
    }
    Ok(())
}

/// Names of links, and of roles those that mean only one.
fn offered(links: impl Iterator<Item = String>, roles: &[Role]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = links.collect();
    for role in roles {
        let alone = roles.iter().filter(|other| other.is_called(&role.name)).count() == 1;
        let is_free = alone && !names.contains(&role.name);
        names.insert(if is_free { role.name.clone() } else { role.full_name() });
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:".contains(c);
    names.retain(|name| name.chars().all(plain));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::tests::role;
    use serde_json::{Value, json};

    #[test]
    fn names_are_offered_in_a_form_that_means_only_one_thing() {
        let roles =
            [("server", "server"), ("relay", "edge"), ("tra", "edge"), ("tra", "core"), ("lcra", "wan0")]
                .map(|(kind, name)| role(kind, name, json!({}), Value::Null));
        let links = ["wan0", "wan1", "$(reboot)", "a b"].map(str::to_owned);
        let offered: Vec<_> = offered(links.into_iter(), &roles).into_iter().collect();
        assert_eq!(offered, ["core", "lcra/wan0", "relay/edge", "server", "tra/edge", "wan0", "wan1"]);
    }
}
