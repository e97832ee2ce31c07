//! Indicators in the texts of a mail: URLs with their hosts, addresses, hashes, mail addresses.

use std::collections::HashSet;

use tahoe_core::{Attribute, Hash, Node};

use super::html::Page;
use super::kind::PartKind;
use super::mime::Content;
use super::{calendar, html, redirect};
use crate::indicators::{Kind, in_text};
use crate::{Yield, url, vocab};

/// The most URLs kept of a mail.
const URLS: usize = 500;
/// The most addresses, hashes and mail addresses kept of a mail.
const OTHERS: usize = 500;

/// Returns the distinct indicators of subject, text and attached text, in the order they were found.
pub(super) fn nodes(
    subject: &str,
    content: &Content,
    pages: &[Page],
    made: &mut Yield,
) -> Vec<Node> {
    let mut found = Found::default();
    found.text(subject);
    for text in &content.plain {
        found.text(text);
    }
    for page in pages {
        found.page(page);
    }
    for (form, text) in &content.attached {
        match form {
            PartKind::Html => found.page(&html::read(text)),
            PartKind::Calendar => found.text(&calendar::text(text)),
            PartKind::Plain | PartKind::Mail | PartKind::Other => found.text(text),
        }
    }
    for why in found.left_out {
        made.leave_out(why);
    }
    found.nodes
}

#[derive(Default)]
struct Found {
    nodes: Vec<Node>,
    urls: HashSet<String>,
    others: HashSet<Hash>,
    /// The names of the limits that were reached.
    left_out: HashSet<&'static str>,
}

impl Found {
    fn page(&mut self, page: &Page) {
        for link in &page.links {
            self.url(link);
        }
        self.text(&page.hidden);
        self.text(&page.marked);
    }

    fn text(&mut self, text: &str) {
        for indicator in in_text(text) {
            match indicator.kind {
                Kind::Url => {
                    let seen = indicator.attribute.data();
                    self.url(seen.as_str().unwrap_or_default());
                }
                Kind::Address | Kind::Digest | Kind::Mail => self.other(indicator.attribute),
                // A word with a dot in it is no indicator here: in prose it may be any file name.
                Kind::Host => {}
            }
        }
    }

    /// Adds a URL, and the URLs within it.
    fn url(&mut self, url: &str) {
        if !self.one_url(url) {
            return;
        }
        for target in redirect::targets(url) {
            if url::is_absolute(&target) {
                self.one_url(&target);
            }
        }
    }

    /// Whether it is a new one.
    fn one_url(&mut self, url: &str) -> bool {
        if self.urls.contains(url) {
            return false;
        }
        if self.urls.len() == URLS {
            self.left_out.insert("urls");
            return false;
        }
        if url.len() <= url::KEPT_BYTES {
            self.nodes.push(Attribute::new(vocab::URL, url).into());
        } else {
            self.left_out.insert("url_bytes");
        }
        self.nodes
            .extend(url::host_attributes(url).into_iter().map(Node::from));
        self.urls.insert(url.to_owned());
        true
    }

    fn other(&mut self, attribute: Attribute) {
        if self.others.contains(&attribute.hash()) {
            return;
        }
        if self.others.len() == OTHERS {
            self.left_out.insert("indicators");
            return;
        }
        self.others.insert(attribute.hash());
        self.nodes.push(attribute.into());
    }
}
