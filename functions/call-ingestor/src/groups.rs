//! The events of a batch by interaction, so that each interaction is read and written once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use archive::{Outcome, Telling};
use domain::ids::TenantId;
use domain::interaction::{CallEvent, Interaction};
use domain::time::Timestamp;
use futures::{StreamExt, stream};
use runtime::Metric;
use store::{About, StoredInteraction, Tellers, Tenant, Told};

use crate::read::Opened;
use crate::{App, Failed, guarded};

/// So many interactions are written at once.
const ABREAST: usize = 8;

/// What a batch tells about one interaction, and by which messages.
struct Group {
    tenant: Arc<Tenant>,
    about: About,
    told: Interaction,
    by: Tellers,
    messages: BTreeSet<String>,
    /// Every telling, with the delivery that told it.
    tellings: Vec<(Telling, String)>,
}

#[derive(Default)]
pub(crate) struct Groups(BTreeMap<(TenantId, About), Group>);

impl Groups {
    pub(crate) fn add(&mut self, opened: &Opened, event: &CallEvent) {
        let (tenant, about) = (&opened.tenant, opened.about(event));
        let group = self.0.entry((tenant.id.clone(), about.clone())).or_insert_with(|| Group {
            tenant: Arc::clone(tenant),
            about,
            told: Interaction::default(),
            by: Tellers::new(),
            messages: BTreeSet::new(),
            tellings: Vec::new(),
        });
        let telling = Telling { interaction: group.about.id(tenant), version: event.version() };
        group.tellings.push((telling, opened.sealed.delivery_id.clone()));
        group.told.fold(event);
        group.by.entry(event.version()).or_insert_with(|| opened.sealed.delivery_id.clone());
        group.messages.insert(opened.message_id.clone());
    }

    /// Writes every interaction; answers the messages of those that could not be written.
    pub(crate) async fn merge(self, app: &App, now: Timestamp) -> BTreeSet<String> {
        let outcomes = stream::iter(self.0.into_values()).map(|group| async move {
            let outcome = guarded(group.merge(app, now)).await;
            (group, outcome)
        });
        let mut outcomes = outcomes.buffer_unordered(ABREAST);
        let mut failed = BTreeSet::new();
        while let Some((group, outcome)) = outcomes.next().await {
            match outcome {
                Ok(stored) => group.count(&stored, app),
                Err(error) => {
                    let interaction = group.about.id(&group.tenant);
                    tracing::error!(%interaction, tenant = %group.tenant.id, %error, "the interaction was not written");
                    failed.extend(group.messages);
                }
            }
        }
        failed
    }
}

impl Group {
    async fn merge(&self, app: &App, now: Timestamp) -> Result<StoredInteraction, Failed> {
        let joined = |before: &Interaction| {
            let mut after = before.clone();
            after.join(self.told.clone());
            (after, ())
        };
        let told = Told { about: &self.about, by: &self.by };
        let (stored, ()) = app.table.merge_told(&self.tenant, told, now, joined).await?;
        Ok(stored)
    }

    /// Counts what became of each delivery.
    fn count(&self, stored: &StoredInteraction, app: &App) {
        let mut counts = BTreeMap::new();
        for (telling, delivery_id) in &self.tellings {
            let metric = match telling.outcome(stored, delivery_id) {
                Outcome::Applied => Metric::DeliveriesApplied,
                Outcome::Duplicate => Metric::DeliveriesDuplicate,
                Outcome::Stale => Metric::DeliveriesStale,
                // What was just joined is never unheard.
                Outcome::Pending => continue,
            };
            *counts.entry(metric).or_default() += 1;
        }
        app.metrics.count(&counts);
    }
}
