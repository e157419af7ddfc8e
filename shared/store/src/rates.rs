//! How much of its rate a tenant has used: one number, moved on by one conditional update per lease.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};
use domain::ids::TenantId;
use domain::rate::{Lease, Leased, Nanos};

use crate::error::StoreError;
use crate::keys;
use crate::meter::Way;
use crate::table::{Item, Table, attributes};

/// What is known of the stored number before it is moved.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It lies behind the clock, or is not there.
    Rested,
    Running,
}

impl State {
    const fn update(self) -> (&'static str, &'static str) {
        match self {
            State::Rested => ("SET due = :next", "attribute_not_exists(due) OR due <= :now"),
            State::Running => ("ADD due :cost", "due > :now AND due <= :last"),
        }
    }
}

impl Table {
    /// Does what [`Lease::applied_to`] says, on the stored number. `seen` is where that was when it was last seen: if
    /// it is still like that, one update is enough.
    pub async fn lease(&self, tenant: &TenantId, lease: Lease, seen: Nanos) -> Result<Leased, StoreError> {
        let mut state = if seen > lease.now_ns { State::Running } else { State::Rested };
        loop {
            let due = match self.try_lease(tenant, lease, state).await? {
                Ok(due) => return Ok(Leased::Granted(due)),
                Err(due) => due,
            };
            if let Leased::Refused(due) = lease.applied_to(due) {
                return Ok(Leased::Refused(due));
            }
            // Granted by the rule: the state was another. That it changes for ever is not to be feared, since the
            // clock of this lease stands still and the number only grows.
            state = if due.is_some_and(|due| due > lease.now_ns) { State::Running } else { State::Rested };
        }
    }

    /// Moves the number if it is in this state and there is room; tells where it is in either case.
    async fn try_lease(
        &self,
        tenant: &TenantId,
        lease: Lease,
        state: State,
    ) -> Result<Result<Nanos, Option<Nanos>>, StoreError> {
        let key = keys::rate(tenant);
        let (update, condition) = state.update();
        let number = |nanos: Nanos| AttributeValue::N(nanos.to_string());
        let update = self
            .client
            .update_item()
            .table_name(&*self.name)
            .set_key(Some(attributes(&key)))
            .update_expression(update)
            .condition_expression(condition)
            .expression_attribute_values(":now", number(lease.now_ns))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let update = match state {
            State::Rested => {
                update.expression_attribute_values(":next", number(lease.now_ns + lease.cost_ns))
            }
            State::Running => update
                .expression_attribute_values(":cost", number(lease.cost_ns))
                .expression_attribute_values(":last", number(lease.latest_ns - lease.cost_ns)),
        };
        match update.send().await {
            Ok(answer) => {
                self.meter().add(keys::part(&key.pk), Way::Write, answer.consumed_capacity());
                Ok(Ok(due(answer.attributes()).unwrap_or(lease.now_ns + lease.cost_ns)))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(Err(due(failed.item()))),
                Some(_) | None => Err(StoreError::of("UpdateItem")(error)),
            },
        }
    }
}

fn due(item: Option<&Item>) -> Option<Nanos> {
    item?.get("due")?.as_n().ok()?.parse().ok()
}
