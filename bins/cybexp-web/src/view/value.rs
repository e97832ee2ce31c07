//! Values, and links to their pages.

use maud::{Markup, html};

use super::family::{Family, category_class};
use super::text;
use crate::instances::Composite;
use crate::subject::Subject;

/// Shows the name of a sub_type in the colour of its family.
pub(crate) fn sub_type(name: &str) -> Markup {
    html! { span.tag.(Family::of(name).class()) { (text::line(name)) } }
}

/// Shows a category in its colour.
pub(crate) fn category(name: &str) -> Markup {
    html! { span.cat.(category_class(name)) { (text::line(name)) } }
}

/// Shows a value as a link to its page.
pub(crate) fn linked(subject: &Subject, shown: &str) -> Markup {
    link(subject, shown, text::line(shown))
}

/// Shows the first characters of a value, as a link to its page if it has one.
pub(crate) fn short(subject: Option<&Subject>, shown: &str, chars: usize) -> Markup {
    let name = text::short(shown, chars);
    match subject {
        Some(subject) => link(subject, shown, name),
        None => name,
    }
}

fn link(subject: &Subject, shown: &str, name: Markup) -> Markup {
    html! {
        a.value href=(subject.path("/value")) {
            @if shown.trim().is_empty() { span.note { "(empty)" } } @else { (name) }
        }
    }
}

/// Shows a session as a link to its page.
pub(crate) fn session(session: &Composite) -> Markup {
    match session.text(&["sessionid"]) {
        Some(id) => {
            let subject = Subject::Value {
                sub_type: "sessionid".to_owned(),
                data: id.clone(),
            };
            html! { a.value href=(subject.path("/session")) { (text::line(&id)) } }
        }
        None => html! { (text::line(&session.sub_type)) },
    }
}
