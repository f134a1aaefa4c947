from django.db import migrations

CREATE = """
CREATE FUNCTION orchestration_history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('orchestration.pruning', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the history of a saga is append-only: % of entry % of saga % is refused', TG_OP, OLD.seq, OLD.saga_id
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Whole sagas are removed with: SET LOCAL orchestration.pruning = ''on''. Nothing changes an entry.';
END
$$;
CREATE TRIGGER history_is_append_only BEFORE UPDATE OR DELETE ON orchestration_sagaevent
    FOR EACH ROW EXECUTE FUNCTION orchestration_history_is_append_only();
"""

DROP = """
DROP TRIGGER history_is_append_only ON orchestration_sagaevent;
DROP FUNCTION orchestration_history_is_append_only();
"""


class Migration(migrations.Migration):
    """The database itself refuses to change a history. Takes a short lock on its table; reads and checks no row."""

    dependencies = [("orchestration", "0003_skipped_steps")]

    operations = [migrations.RunSQL(CREATE, DROP)]
