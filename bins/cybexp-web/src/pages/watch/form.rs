//! The forms in which subscriptions are made.

use maud::{Markup, html};
use serde_json::Value;

use super::PATH;
use crate::query::CATEGORIES;
use crate::sign_in::SignedIn;
use crate::subject::Subject;
use crate::view::frame::csrf;
use crate::view::text;

/// The ways in which one can be told, with their names.
pub(super) const CHANNELS: [(&str, &str); 3] = [
    ("page", "this page"),
    ("mail", "mail to your address"),
    ("webhook", "webhook"),
];
const TLPS: [&str; 5] = ["clear", "green", "amber", "amber+strict", "red"];

/// Makes the form of the page of a value, by which it is watched.
pub(crate) fn watch_value(person: &SignedIn, subject: &Subject) -> Markup {
    html! {
        @if let Subject::Value { sub_type, data } = subject {
            form.inline action=(PATH) method="post" {
                (csrf(person))
                input type="hidden" name="what" value="value";
                input type="hidden" name="type" value=(sub_type);
                input type="hidden" name="data" value=(data);
                input type="hidden" name="back" value="value";
                button.quiet type="submit" { "Watch" }
            }
        }
    }
}

/// Makes the form for events of a kind, and for feeds.
pub(super) fn form(person: &SignedIn, feeds: &[Value]) -> Markup {
    html! {
        details {
            summary { "Subscribe to events of a kind, or a value" }
            form.stack action=(PATH) method="post" aria-label="A new subscription" {
                (csrf(person))
                fieldset { legend { "Events" }
                    label.check { input type="radio" name="what" value="events" checked; "of a kind:" }
                    div.row {
                        label { "sub_type" input name="sub_type" maxlength="200" spellcheck="false" autocomplete="off" placeholder="file_download"; }
                        label { "category" select name="category" { option value="" { "any" } @for name in CATEGORIES { option value=(name) { (name) } } } }
                        label { "sensor" input name="sensor" maxlength="200" spellcheck="false" autocomplete="off"; }
                    }
                    label.check { input type="radio" name="what" value="value"; "with a value:" }
                    div.row {
                        label { "type" input name="type" maxlength="60" size="12" spellcheck="false" autocomplete="off" placeholder="guessed"; }
                        label.wide { "value" input name="data" maxlength="2048" spellcheck="false" autocomplete="off"; }
                    }
                    @if !feeds.is_empty() {
                        label.check { input type="radio" name="what" value="feed"; "values that come into a feed:" }
                        div.row {
                            label { "feed" select name="feed" { @for feed in feeds {
                                @let name = feed["name"].as_str().unwrap_or_default();
                                option value=(name) { (text::plain(name, 40)) }
                            } } }
                        }
                    }
                }
                div.row {
                    label { "told by" select name="channel" { @for (name, said) in CHANNELS { option value=(name) { (said) } } } }
                    label.wide { "URL of the webhook" input name="url" type="url" maxlength="2048" spellcheck="false" autocomplete="off"; }
                    label { "at most TLP" select name="tlp" { @for tlp in TLPS { option value=(tlp) selected[tlp == "green"] { (tlp) } } } }
                    label { "name" input name="name" maxlength="100" autocomplete="off"; }
                }
                button.main type="submit" { "Subscribe" }
                p.note { "What is stricter than the TLP label leaves neither by mail nor by webhook. Only events that you may see are told." }
            }
        }
    }
}
