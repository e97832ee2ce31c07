//! Fields that this suite adds to the documents of queries and reports. The Python system does not know them.

/// Fields of a report that follow from its hash, and the hash. Reports of equal data have one hash and are one
/// document, written for the last of their queries. So each query keeps the other fields of its report in [`OWN`].
pub(crate) const SHARED: [&str; 4] = ["itype", "sub_type", "data", "_hash"];
/// Field of a query with the fields of its report that are not in [`SHARED`].
pub(crate) const OWN: &str = "_report";
/// Field of a query with its last answer: the claim that made it, and its report.
pub(crate) const LAST: &str = "_last";
/// Field of a query with the authentication code of its last report, made by the report daemon.
pub(crate) const REPORT_MAC: &str = "_report_mac";
/// Field of a query with its authentication code, made by the API.
pub(crate) const MAC: &str = "_mac";
/// Field of a query with the authentication code of its socket, made by the API that waits there.
pub(crate) const SOCKET_MAC: &str = "_socket_mac";
/// Field that marks a query to be answered anew.
pub(crate) const REDO: &str = "_redo";
/// Field of a query with the time at which it was last put to wait, in Unix seconds. A user's queries are taken in this
/// order.
pub(crate) const ASKED: &str = "_asked";
/// Field of a query with its user. In the query itself the user is in a list, as all its values are, and no index can have
/// that beside the list `_cref`.
pub(crate) const USER: &str = "_user";
