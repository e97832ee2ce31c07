//! The URLs to which webhooks of subscriptions may lead, by the operator's list of hosts.

use url::{Host, Url};

/// The longest URL, in bytes.
const URL_BYTES: usize = 2000;

/// The rules of one site.
#[derive(Debug, Clone)]
pub struct WebhookRules {
    hosts: Vec<String>,
    inside: bool,
}

impl WebhookRules {
    /// Makes the rules of these hosts. `inside`: addresses of this machine and its network, and http, are allowed.
    pub fn new(hosts: &[String], inside: bool) -> Self {
        Self {
            hosts: hosts.to_vec(),
            inside,
        }
    }

    /// Whether addresses of this machine and its network are allowed.
    pub fn allows_inside(&self) -> bool {
        self.inside
    }

    /// Whether a text is an element of the list of hosts: a name in lower case, `*.` and a name, or `*`.
    pub fn is_pattern(text: &str) -> bool {
        let name = text.strip_prefix("*.").unwrap_or(text);
        text == "*"
            || (!name.is_empty()
                && !name.contains(|c: char| c.is_ascii_uppercase() || "*/@ \t".contains(c)))
    }

    /// Reads a URL, and checks that it may be posted to.
    ///
    /// # Errors
    /// Says why it may not.
    pub fn check(&self, text: &str) -> Result<Url, String> {
        if text.len() > URL_BYTES {
            return Err(format!("is longer than {URL_BYTES} bytes"));
        }
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        match url.scheme() {
            "https" => {}
            "http" if self.inside => {}
            _ => return Err("must be an https:// URL".to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must hold no name and password".to_owned());
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => name.trim_end_matches('.').to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err("names no host".to_owned()),
        };
        if !self.hosts.iter().any(|pattern| matches(pattern, &host)) {
            let allowed = match self.hosts.is_empty() {
                true => "this site allows no webhooks".to_owned(),
                false => "the host is not among those that this site allows".to_owned(),
            };
            return Err(format!("{allowed} (report.webhook_hosts)"));
        }
        Ok(url)
    }
}

fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host
            .strip_suffix(parent)
            .is_some_and(|rest| rest.ends_with('.')),
        None => pattern == "*" || pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_of_the_list_are_posted_to() {
        let hosts = ["soc.example".to_owned(), "*.hooks.example".to_owned()];
        let rules = WebhookRules::new(&hosts, false);
        for good in [
            "https://soc.example/cybexp?a=b",
            "https://SOC.example.:8443/",
            "https://a.b.hooks.example/x",
        ] {
            assert!(rules.check(good).is_ok(), "{good}");
        }
        for bad in [
            "http://soc.example/",
            "https://hooks.example/",
            "https://soc.example.evil.example/",
            "https://evilhooks.example/",
            "https://user:word@soc.example/",
            "https://soc.example@evil.example/",
            "ftp://soc.example/",
            "soc.example",
            "https://203.0.113.9/",
        ] {
            assert!(rules.check(bad).is_err(), "{bad}");
        }
        let inside = WebhookRules::new(&["*".to_owned()], true);
        assert!(inside.check("http://127.0.0.1:8080/").is_ok());
        assert!(
            WebhookRules::new(&[], false)
                .check("https://soc.example/")
                .is_err()
        );
    }

    #[test]
    fn patterns_are_names() {
        for good in [
            "*",
            "a.example",
            "*.a.example",
            "203.0.113.9",
            "2001:db8::1",
        ] {
            assert!(WebhookRules::is_pattern(good), "{good}");
        }
        for bad in [
            "",
            "*.",
            "A.example",
            "a*.example",
            "https://a.example",
            "a/b",
        ] {
            assert!(!WebhookRules::is_pattern(bad), "{bad}");
        }
    }
}
