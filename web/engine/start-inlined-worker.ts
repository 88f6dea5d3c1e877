/** The worker of the app of one file: its text stands in the page itself, so that it works from the disk, too. */
export function startWorker(): Worker {
  const text = document.getElementById("engine")?.textContent ?? "";
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const worker = new Worker(url);
  URL.revokeObjectURL(url);
  return worker;
}
