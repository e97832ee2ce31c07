//! What the texts of a mail name: URLs with what they tell about hosts, addresses, hashes, mail addresses.

use std::collections::HashSet;

use tahoe_core::{Attribute, Hash, Node};

use super::kind::Form;
use super::mime::Content;
use super::{calendar, html, redirect};
use crate::indicators::{Kind, in_text};
use crate::{Yield, url, vocab};

/// The most URLs of a mail, by the design.
const URLS: usize = 500;
/// The most addresses, hashes and mail addresses.
const OTHERS: usize = 500;
/// The longest URL that is kept; servers take no longer ones. Of a longer one the host is kept.
const URL_BYTES: usize = 8192;

/// Each distinct indicator of subject, text and attached text, in the order they were found.
pub(super) fn nodes(subject: &str, content: &Content, made: &mut Yield) -> Vec<Node> {
    let mut found = Found::default();
    found.text(subject);
    let plain = content.plain.iter().map(|text| (Form::Plain, text));
    let html = content.html.iter().map(|text| (Form::Html, text));
    let attached = content.attached.iter().map(|(form, text)| (*form, text));
    for (form, text) in plain.chain(html).chain(attached) {
        match form {
            Form::Html => found.page(text),
            Form::Calendar => found.text(&calendar::text(text)),
            Form::Plain | Form::Mail | Form::Other => found.text(text),
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
    /// Each limit that was met.
    left_out: HashSet<&'static str>,
}

impl Found {
    fn page(&mut self, html: &str) {
        let page = html::read(html);
        for link in page.links {
            self.url(link);
        }
        self.text(&page.text);
    }

    fn text(&mut self, text: &str) {
        for indicator in in_text(text) {
            match indicator.kind {
                Kind::Url => self.url(indicator.attribute.data().to_string()),
                Kind::Address | Kind::Digest | Kind::Mail => self.other(indicator.attribute),
                // A word with a dot in it: in prose, any file name.
                Kind::Host => {}
            }
        }
    }

    /// A URL, and those within it.
    fn url(&mut self, url: String) {
        let within = redirect::targets(&url);
        self.one_url(url);
        for target in within {
            if url::is_absolute(&target) {
                self.one_url(target);
            }
        }
    }

    fn one_url(&mut self, url: String) {
        if self.urls.contains(&url) {
            return;
        }
        if self.urls.len() == URLS {
            self.left_out.insert("urls");
            return;
        }
        if url.len() <= URL_BYTES {
            self.nodes
                .push(Attribute::new(vocab::URL, url.as_str()).into());
        } else {
            self.left_out.insert("url_bytes");
        }
        self.nodes
            .extend(url::host_attributes(&url).into_iter().map(Node::from));
        self.urls.insert(url);
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
