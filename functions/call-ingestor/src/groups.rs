//! The events of a batch by interaction, so that each interaction is read and written once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::ids::TenantId;
use domain::interaction::Interaction;
use domain::time::Timestamp;
use futures::{StreamExt, stream};
use store::{About, Tenant};

use crate::read::Told;
use crate::{App, Failed, guarded};

/// So many interactions are written at once.
const ABREAST: usize = 8;

/// What a batch tells about one interaction, and by which messages.
struct Group {
    tenant: Arc<Tenant>,
    about: About,
    told: Interaction,
    messages: BTreeSet<String>,
}

#[derive(Default)]
pub(crate) struct Groups(BTreeMap<(TenantId, About), Group>);

impl Groups {
    pub(crate) fn add(&mut self, message_id: &str, told: Told) {
        for event in told.events {
            let about = About { source: told.source, external_id: event.external_id.clone() };
            let group = self.0.entry((told.tenant.id.clone(), about.clone())).or_insert_with(|| Group {
                tenant: Arc::clone(&told.tenant),
                about,
                told: Interaction::default(),
                messages: BTreeSet::new(),
            });
            group.told.fold(&event);
            group.messages.insert(message_id.to_owned());
        }
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
            if let Err(error) = outcome {
                let interaction = group.about.id(&group.tenant);
                tracing::error!(%interaction, tenant = %group.tenant.id, %error, "the interaction was not written");
                failed.extend(group.messages);
            }
        }
        failed
    }
}

impl Group {
    async fn merge(&self, app: &App, now: Timestamp) -> Result<(), Failed> {
        let joined = |before: &Interaction| {
            let mut after = before.clone();
            after.join(self.told.clone());
            (after, ())
        };
        app.table.merge_interaction(&self.tenant, &self.about, now, joined).await?;
        Ok(())
    }
}
