//! All inputs of a daemon, and the commands on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cybexp_service::Config;
use cybexp_service::config::InputSpec;
use futures::future::join_all;
use metrics::gauge;
use tahoe_core::{Org, SubmissionTags};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::api::ApiState;
use crate::collector::{Collector, CollectorParts};
use crate::daemon_status::{DaemonStatus, SpoolStatus};
use crate::gone::left;
use crate::managed::ManagerState;
use crate::own_api;
use crate::poster::Poster;
use crate::select::Select;
use crate::status::{InputState, SharedStatus, now};
use crate::typetag;
use cybexp_spool::Spool;

/// The inputs of a daemon.
pub(crate) struct Manager {
    spool: Spool,
    api: Arc<ApiState>,
    poster: Poster,
    since: f64,
    /// Locked by each command, so that commands run one after the other.
    inner: Mutex<ManagerState>,
}

impl Manager {
    /// The inputs of this configuration, all stopped; what the spool holds is posted from now on, also that of inputs which
    /// the configuration has no more.
    pub(crate) async fn new(config: Arc<Config>, spool: Spool) -> anyhow::Result<Self> {
        let api = Arc::new(ApiState::new(own_api::client(&config)?));
        let manager = Self {
            poster: Poster::new(spool.clone(), Arc::clone(&api)),
            api,
            since: now(),
            inner: Mutex::new(ManagerState {
                config: Arc::clone(&config),
                inputs: BTreeMap::new(),
                gone: BTreeMap::new(),
            }),
            spool,
        };
        let mut inner = manager.inner.lock().await;
        for spec in &config.input.inputs {
            inner.add(spec.clone());
        }
        for known in manager.spool.known().await? {
            if known.spooled == 0 && !inner.inputs.contains_key(&known.name) {
                continue;
            }
            let status = match inner.inputs.get(&known.name) {
                Some(input) => Arc::clone(&input.status),
                None => {
                    info!(
                        input = known.name,
                        records = known.spooled,
                        "not in the configuration any more: what is left of it is posted"
                    );
                    let status = Arc::new(SharedStatus::new(&known.name, &known.plugin, false));
                    status.enter(InputState::Gone);
                    inner.gone.insert(known.name.clone(), Arc::clone(&status));
                    status
                }
            };
            count(&status, &known);
            manager.poster.follow(&known, &status).await;
        }
        drop(inner);
        Ok(manager)
    }

    /// Starts the inputs that are meant and do not run; of all, those that are enabled.
    pub(crate) async fn start(&self, select: &Select) -> anyhow::Result<BTreeSet<String>> {
        let mut inner = self.inner.lock().await;
        let meant = inner.meant(select)?;
        for name in &meant {
            if inner.wants(name, select) && inner.inputs[name].collector.is_none() {
                self.start_one(&mut inner, name).await;
            }
        }
        Ok(meant)
    }

    /// Stops the inputs that are meant.
    pub(crate) async fn stop(&self, select: &Select) -> anyhow::Result<BTreeSet<String>> {
        let mut inner = self.inner.lock().await;
        let meant = inner.meant(select)?;
        inner.stop(&meant).await;
        Ok(meant)
    }

    /// Reads the configuration again and takes it over: inputs that it has no more are stopped; those that are new or
    /// changed, or stopped or failed though they should run, are started anew; the others are left alone. Inputs that are
    /// named, and with `every` all, are started anew in any case.
    ///
    /// # Errors
    /// When the configuration is wrong; then nothing is changed.
    pub(crate) async fn restart(
        &self,
        select: &Select,
        every: bool,
    ) -> anyhow::Result<BTreeSet<String>> {
        let mut inner = self.inner.lock().await;
        let file = inner.config.file().map(ToOwned::to_owned);
        let read = tokio::task::spawn_blocking(move || Config::load(file.as_deref())).await?;
        let config = Arc::new(read?);
        let specs: BTreeMap<String, InputSpec> = config
            .input
            .inputs
            .iter()
            .map(|spec| (spec.name.clone(), spec.clone()))
            .collect();
        let meant = select.of(specs.values()).map_err(anyhow::Error::msg)?;
        for spec in specs.values() {
            let parts = self.parts(&config, spec, &Arc::new(SharedStatus::new("", "", true)));
            parts.open()?;
        }
        self.take_over(&mut inner, Arc::clone(&config))?;

        let gone: BTreeSet<String> = inner
            .inputs
            .keys()
            .filter(|name| !specs.contains_key(*name))
            .cloned()
            .collect();
        inner.stop(&gone).await;
        for name in gone {
            if let Some(input) = inner.inputs.remove(&name) {
                input.status.enter(InputState::Gone);
                inner.gone.insert(name, input.status);
            }
        }

        for (name, spec) in specs {
            let named = !select.is_all() && meant.contains(&name);
            let (changed, state) = match inner.inputs.get_mut(&name) {
                Some(input) => {
                    let changed = input.spec != spec;
                    input.spec = spec;
                    (changed, input.status.get().state)
                }
                None => {
                    inner.add(spec);
                    (true, InputState::Stopped)
                }
            };
            let input = &inner.inputs[&name];
            let (plugin, enabled) = (input.spec.plugin.clone(), input.spec.enabled);
            input.status.change(|status| {
                status.plugin = plugin;
                status.enabled = enabled;
            });
            let bad = matches!(
                state,
                InputState::Failing | InputState::Stopped | InputState::Unused
            );
            if named || every || changed || (bad && enabled) {
                inner.stop(&BTreeSet::from([name.clone()])).await;
                if enabled || named {
                    self.start_one(&mut inner, &name).await;
                }
            }
        }
        Ok(meant)
    }

    /// Waits until it is known how the start of these went.
    pub(crate) async fn settled(&self, names: &BTreeSet<String>) {
        let statuses = self.statuses(names).await;
        join_all(statuses.iter().map(|status| status.settled())).await;
    }

    /// How the daemon is, and these inputs.
    pub(crate) async fn status(&self, names: &BTreeSet<String>) -> anyhow::Result<DaemonStatus> {
        let statuses = self.statuses(names).await;
        let inner = self.inner.lock().await;
        Ok(DaemonStatus {
            pid: std::process::id(),
            since: self.since,
            config: inner.config.origin(),
            api: self.api.status(),
            spool: SpoolStatus {
                used_bytes: self.spool.used_bytes().await?,
                max_bytes: inner.config.input.spool_max_bytes,
            },
            inputs: statuses.iter().map(|status| status.get()).collect(),
        })
    }

    /// The names of the inputs that are meant, also of those that are gone and have left something in the spool.
    pub(crate) async fn shown(&self, select: &Select) -> anyhow::Result<BTreeSet<String>> {
        let inner = self.inner.lock().await;
        let left = inner.gone.iter().filter(|(_, status)| {
            let status = status.get();
            status.spooled + status.refused > 0
        });
        let mut gone: BTreeSet<String> = left.map(|(name, _)| name.clone()).collect();
        if select.is_all() {
            let all = inner.meant(select)?;
            return Ok(gone.into_iter().chain(all).collect());
        }
        gone.retain(|name| select.names.contains(name));
        let mut others = select.clone();
        others.names.retain(|name| !gone.contains(name));
        if !others.is_all() {
            gone.extend(inner.meant(&others)?);
        }
        Ok(gone)
    }

    /// Forgets inputs that the configuration has no more, with what is left of them in the spool; gives the records that
    /// are dropped of each.
    pub(crate) async fn drop(&self, names: &[String]) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut inner = self.inner.lock().await;
        let of = left(&self.spool, &inner.config, names).await?;
        let mut dropped = BTreeMap::new();
        for (name, id) in of {
            self.poster.leave(id).await;
            let records = self.spool.forget(id).await?;
            info!(input = name, records, "dropped");
            inner.gone.remove(&name);
            dropped.insert(name, records);
        }
        Ok(dropped)
    }

    /// Ends all inputs, and then the posting.
    pub(crate) async fn end(&self) {
        let mut inner = self.inner.lock().await;
        let all = inner.inputs.keys().cloned().collect();
        inner.stop(&all).await;
        self.poster.stop().await;
    }

    /// Gives the numbers that are no counters.
    pub(crate) async fn measure(&self) {
        let inner = self.inner.lock().await;
        for (name, input) in &inner.inputs {
            let status = input.status.get();
            let running = f64::from(u8::from(status.state == InputState::Running));
            gauge!("cybexp_input_running", "input" => name.clone()).set(running);
            #[allow(clippy::cast_precision_loss, reason = "a gauge is a double")]
            gauge!("cybexp_input_spool_records", "input" => name.clone())
                .set(status.spooled as f64);
        }
        if let Ok(bytes) = self.spool.used_bytes().await {
            #[allow(clippy::cast_precision_loss, reason = "a gauge is a double")]
            gauge!("cybexp_input_spool_bytes").set(bytes as f64);
        }
    }

    async fn statuses(&self, names: &BTreeSet<String>) -> Vec<Arc<SharedStatus>> {
        let inner = self.inner.lock().await;
        let status = |name| {
            let input = inner.inputs.get(name).map(|input| &input.status);
            input.or_else(|| inner.gone.get(name)).map(Arc::clone)
        };
        names.iter().filter_map(status).collect()
    }

    fn parts(
        &self,
        config: &Arc<Config>,
        spec: &InputSpec,
        status: &Arc<SharedStatus>,
    ) -> CollectorParts {
        CollectorParts {
            spec: spec.clone(),
            config: Arc::clone(config),
            spool: self.spool.clone(),
            status: Arc::clone(status),
        }
    }

    /// Starts one; what keeps it from starting is in its status.
    async fn start_one(&self, inner: &mut ManagerState, name: &str) {
        let Some(input) = inner.inputs.get_mut(name) else {
            return;
        };
        let parts = self.parts(&inner.config, &input.spec, &input.status);
        match self.started(parts).await {
            Ok(collector) => input.collector = Some(collector),
            Err(error) => {
                let error = format!("{error:#}");
                warn!(input = name, error, "cannot be started");
                input.status.enter(InputState::Failing);
                input.status.change(|status| {
                    status.errors += 1;
                    status.last_error = Some(error);
                    status.last_error_at = Some(now());
                });
            }
        }
    }

    async fn started(&self, parts: CollectorParts) -> anyhow::Result<Collector> {
        let InputSpec {
            name,
            plugin,
            typetag,
            orgid,
            timezone,
            tlp,
            ..
        } = &parts.spec;
        let tags = SubmissionTags {
            typetag: typetag.clone(),
            orgid: Org::hash_named(orgid).to_string(),
            timezone: timezone.clone(),
            tlp: *tlp,
        };
        // nothing is registered that could not be opened
        parts.open()?;
        let unread = typetag::unread(&parts.spec);
        if let Some(reason) = &unread {
            warn!(input = name, reason, "nothing is made of it");
        }
        parts.status.change(|status| status.unread = unread);
        let known = self.spool.register(name, plugin, &tags).await?;
        count(&parts.status, &known);
        self.poster.follow(&known, &parts.status).await;
        info!(input = name, plugin, "started");
        Ok(Collector::start(parts, known)?)
    }

    fn take_over(&self, inner: &mut ManagerState, config: Arc<Config>) -> anyhow::Result<()> {
        self.api.replace(own_api::client(&config)?);
        let (old, new) = (&inner.config.input, &config.input);
        if old.run_dir != new.run_dir
            || old.spool_dir != new.spool_dir
            || old.spool_max_bytes != new.spool_max_bytes
        {
            warn!(
                "input.run_dir, spool_dir and spool_max_bytes are taken over when the daemon itself is started again"
            );
        }
        inner.config = config;
        Ok(())
    }
}

fn count(status: &SharedStatus, known: &cybexp_spool::KnownInput) {
    status.change(|status| {
        status.taken = known.counts.taken;
        status.posted = known.counts.posted;
        status.dropped = known.counts.dropped;
        status.spooled = known.spooled.saturating_sub(known.refused);
        status.refused = known.refused;
    });
}
