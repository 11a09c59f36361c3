"""The trial of the académie's templates, in a child process: one that hangs or kills is said, and stops nothing."""

from notifications.messages.catalogue import MailContext
from notifications.rendering.child import ChildStopped, run_in_child
from notifications.rendering.environment import TemplateLoader, TemplateProblem


def try_templates(wordings: TemplateLoader, context: MailContext) -> list[TemplateProblem]:
    """List what is wrong with the templates that replace others (R68, R69). One child for all."""
    try:
        problems: list[TemplateProblem] = run_in_child("notifications.authoring.checks:all_problems", wordings, context)
    except ChildStopped as stopped:
        path = wordings.path_of(stopped.label) if stopped.label else wordings.folder
        return [TemplateProblem(path, None, stopped.why)] if path else []
    return problems
