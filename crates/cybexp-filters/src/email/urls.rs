//! What a mail's texts name: URLs, and what these tell about hosts.

use std::collections::HashSet;

use tahoe_core::{Attribute, Node};

use super::kind::Form;
use super::mime::Content;
use super::{calendar, html};
use crate::{Yield, url, vocab};

/// The most URLs of a mail, by the design.
const URLS: usize = 500;
/// The longest URL that is kept; servers take no longer ones. Of a longer one the host is kept.
const URL_BYTES: usize = 8192;

/// Each distinct URL with what it tells about its host, in the order they were found.
pub(super) fn nodes(subject: &str, content: &Content, made: &mut Yield) -> Vec<Node> {
    let mut seen = HashSet::new();
    let mut nodes: Vec<Node> = Vec::new();
    for found in found(subject, content) {
        if seen.contains(found.as_str()) {
            continue;
        }
        if seen.len() == URLS {
            made.leave_out("urls");
            break;
        }
        if found.len() <= URL_BYTES {
            nodes.push(Attribute::new(vocab::URL, found.as_str()).into());
        } else {
            made.leave_out("url_bytes");
        }
        nodes.extend(url::host_attributes(&found).into_iter().map(Node::from));
        seen.insert(found);
    }
    nodes
}

/// The URLs in subject and texts, and in the links of HTML, in order, with repetitions.
fn found<'a>(subject: &'a str, content: &'a Content) -> impl Iterator<Item = String> + 'a {
    let plain = content.plain.iter().map(|text| (Form::Plain, text));
    let html = content.html.iter().map(|text| (Form::Html, text));
    let attached = content.attached.iter().map(|(form, text)| (*form, text));
    let in_texts = plain.chain(html).chain(attached).flat_map(|(form, text)| in_text(form, text));
    url::find(subject).map(str::to_owned).chain(in_texts)
}

fn in_text(form: Form, text: &str) -> Vec<String> {
    let find = |text: &str| url::find(text).map(str::to_owned).collect();
    match form {
        Form::Html => html::urls(text),
        Form::Calendar => find(&calendar::text(text)),
        Form::Plain | Form::Mail | Form::Other => find(text),
    }
}
