//! The menu of all pages.

/// The pages in the menu, by path and name, in this order.
pub(crate) const MENU: &[(&str, &str)] = &[
    ("/", "Search"),
    ("/overview", "Overview"),
    ("/post", "Post"),
    ("/account", "Account"),
];
