// Times as the reader's own clock says them, with seconds and their zone, and no questions to the server while nobody looks.
// The page is complete without this file.
(() => {
  "use strict";

  const sayInLocalTime = (element) => {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) return;
    element.title = element.textContent;
    element.textContent =
      at.toDateString() === new Date().toDateString()
        ? at.toLocaleTimeString([], { timeStyle: "long" })
        : at.toLocaleString([], { dateStyle: "medium", timeStyle: "long" });
  };

  const sayAllInLocalTime = (root) => root.querySelectorAll("time[datetime]").forEach(sayInLocalTime);

  sayAllInLocalTime(document);
  document.addEventListener("htmx:load", (event) => sayAllInLocalTime(event.detail.elt));
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id === "progress" && document.hidden) event.preventDefault();
  });
})();
