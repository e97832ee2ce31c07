//! The menu of all pages.

/// The pages in the menu, by path and name, in this order.
pub(crate) const MENU: &[(&str, &str)] = &[
    ("/", "Search"),
    ("/overview", "Overview"),
    ("/watch", "Live"),
    ("/post", "Post"),
    ("/inputs", "Inputs"),
    ("/quarantine", "Quarantine"),
    ("/feeds", "Feeds"),
    ("/account", "Account"),
];
