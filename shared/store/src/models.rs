//! How models calculate for one lead, where a tenant says so.

use domain::run::{ModelCode, RunConfig};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::table::{Table, Unless};
use crate::tenants::Tenant;

#[derive(Serialize, Deserialize)]
struct ModelItem {
    pk: String,
    sk: String,
    config: RunConfig,
}

impl Table {
    /// None where nothing was said: then it is as usual.
    pub async fn model_config(
        &self,
        tenant: &Tenant,
        model: ModelCode,
    ) -> Result<Option<RunConfig>, StoreError> {
        let item: Option<ModelItem> = self.get(&keys::model(&tenant.id, model)).await?;
        Ok(item.map(|item| item.config))
    }

    pub async fn put_model_config(&self, tenant: &Tenant, config: &RunConfig) -> Result<(), StoreError> {
        let key = keys::model(&tenant.id, config.model);
        self.put(&ModelItem { pk: key.pk, sk: key.sk, config: config.clone() }, Unless::Never).await?;
        Ok(())
    }
}
