from django.db import migrations

CREATE = """
CREATE OR REPLACE FUNCTION orchestration_history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('orchestration.pruning', true) = 'on'
       AND NOT EXISTS (SELECT FROM orchestration_saga WHERE id = OLD.saga_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the history of a saga is append-only: % of entry % of saga % is refused', TG_OP, OLD.seq, OLD.saga_id
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Whole sagas that have ended are removed by: manage.py prune. Nothing changes an entry.';
END
$$;
CREATE FUNCTION orchestration_saga_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('orchestration.pruning', true) = 'on' AND OLD.ended_at IS NOT NULL AND OLD.wake_at IS NULL
       AND NOT EXISTS (SELECT FROM orchestration_incident WHERE saga_id = OLD.id AND resolved_at IS NULL) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'saga % is kept: it is %, and only what has ended, with no open incident, is removed', OLD.id, OLD.state
        USING ERRCODE = 'insufficient_privilege', HINT = 'Sagas are removed by: manage.py prune.';
END
$$;
CREATE TRIGGER saga_is_kept BEFORE DELETE ON orchestration_saga
    FOR EACH ROW EXECUTE FUNCTION orchestration_saga_is_kept();
"""

DROP = """
DROP TRIGGER saga_is_kept ON orchestration_saga;
DROP FUNCTION orchestration_saga_is_kept();
CREATE OR REPLACE FUNCTION orchestration_history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('orchestration.pruning', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the history of a saga is append-only: % of entry % of saga % is refused', TG_OP, OLD.seq, OLD.saga_id
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Whole sagas are removed with: SET LOCAL orchestration.pruning = ''on''. Nothing changes an entry.';
END
$$;
"""


class Migration(migrations.Migration):
    """What is pruned goes as a whole. Takes a short lock on two tables; reads and checks no row.

    An entry of a history goes only after its saga, in the same transaction: the foreign key is checked at its end, so
    neither can go without the other. A saga goes only when it has ended and nobody has anything left to do about it.
    """

    dependencies = [("orchestration", "0009_outbox_counts_and_set_aside_events")]

    operations = [migrations.RunSQL(CREATE, DROP)]
