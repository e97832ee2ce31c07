//! A walk over the whole site: from the search box and what a test made, along every link.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::admin::refused_raw;
use crate::site::{posted, with_a_feed, with_subscriptions};
use crate::suite::{ADMIN, Answer, Suite, Visitor, path, session};

/// The pages for those who are not signed in. All others lead there.
pub(crate) const SIGN_IN: [&str; 2] = ["/sign-in", "/sign-in/ticket"];
/// The most addresses of one page that a walk visits: there is a page for every value.
const OF_ONE_PAGE: usize = 6;
/// The text of the answer to a path or a method that no page has.
const NO_PAGE: &str = "There is no such page.";

/// The answers by address, and the addresses by the path of their page.
pub(crate) type Walked = BTreeMap<String, Vec<(String, Answer)>>;

/// Has the site hold something for every page to show, and returns the addresses from which all of it is reached.
pub(crate) async fn furnish(suite: &Suite) -> Vec<String> {
    let passwords = ["123456", "admin"];
    let records = session("8d0c0817", "203.0.113.9", &passwords, &["uname -a"]);
    suite
        .have("cowrie", &records, ("ipv4", "203.0.113.9", 6))
        .await;
    let mut admin = suite.person(ADMIN).await;
    let raw = refused_raw(suite).await;
    with_a_feed(suite, &mut admin).await;
    with_subscriptions(&mut admin).await;
    let address = |more: &[(&str, &str)]| {
        let of = [("type", "ipv4"), ("data", "203.0.113.9")];
        path("/value", &[of.as_slice(), more].concat())
    };
    vec![
        "/".to_owned(),
        raw,
        posted(suite, &mut admin).await,
        path("/search", &[("q", "203.0.113.9")]),
        address(&[("level", "2")]),
        address(&[("category", "benign")]),
        path("/value", &[("type", "ipv4"), ("data", "192.0.2.1")]),
        path("/list", &[("type", "ip"), ("text", "203.0.113.0/24")]),
        path("/session", &[("type", "sessionid"), ("data", "8d0c0817")]),
    ]
}

/// Visits the addresses `from`, and what their pages lead to: some addresses of each page.
pub(crate) async fn walk(person: &mut Visitor, from: &[String]) -> Walked {
    let mut open: VecDeque<String> = from.iter().cloned().collect();
    let mut seen: BTreeSet<String> = from.iter().cloned().collect();
    let mut walked = Walked::new();
    while let Some(address) = open.pop_front() {
        let visited = walked.entry(page_of(&address).to_owned()).or_default();
        if visited.len() >= OF_ONE_PAGE {
            continue;
        }
        let answer = person.get(&address).await;
        let to = Some(answer.location.clone()).filter(|to| !to.is_empty());
        for link in answer.paths().into_iter().chain(to) {
            if link.starts_with('/') && seen.insert(link.clone()) {
                open.push_back(link);
            }
        }
        visited.push((address, answer));
    }
    let missed = looked_at(person).await;
    let missed: Vec<_> = missed
        .iter()
        .filter(|path| !walked.contains_key(*path) && !SIGN_IN.contains(&path.as_str()))
        .collect();
    assert!(missed.is_empty(), "no link leads to {missed:?}");
    walked
}

/// Returns the paths of all pages that answer to GET.
async fn looked_at(person: &mut Visitor) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for path in cybexp_web::paths() {
        if !is_no_page(&person.get(path).await) {
            paths.insert(path.to_owned());
        }
    }
    paths
}

/// Returns the path of an address, without its parameters.
fn page_of(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or(address)
}

/// Whether no page answers to such a request.
pub(crate) fn is_no_page(answer: &Answer) -> bool {
    answer.status == 404 && answer.body.contains(NO_PAGE)
}

/// Whether the answer is a page, and not a file or a stream.
pub(crate) fn is_page(answer: &Answer) -> bool {
    let kind = answer.headers.get("content-type");
    answer.status == 200 && kind.is_some_and(|kind| kind == "text/html; charset=utf-8")
}

/// Returns the forms of a page that are sent by POST: the path that each goes to, and what stands in it.
pub(crate) fn posted_forms(answer: &Answer) -> Vec<(String, String)> {
    let forms = answer.body.split("<form").skip(1);
    let forms = forms.map(|rest| rest.split("</form>").next().unwrap_or(rest));
    let posted = forms.filter(|form| {
        let head = form.split('>').next().unwrap_or_default();
        head.contains("method=\"post\"")
    });
    let of = |form: &str| {
        let rest = form.split("action=\"").nth(1).unwrap_or_default();
        let action = rest.split('"').next().unwrap_or_default();
        (action.to_owned(), form.to_owned())
    };
    posted.map(of).collect()
}
