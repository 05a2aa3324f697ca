// Light or dark: what the system says, or what was chosen here last. Runs before the first paint, so it is no module.
'use strict';
(() => {
  const root = document.documentElement;
  const kept = () => {
    try {
      return localStorage.getItem('charthand-theme');
    } catch {
      return null; // the browser keeps nothing for this page
    }
  };
  if (kept() === 'light' || kept() === 'dark') root.dataset.theme = kept();
  const isDark = () => (root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
  document.addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    const tell = () => {
      button.setAttribute('aria-pressed', isDark());
    };
    button.addEventListener('click', () => {
      root.dataset.theme = isDark() ? 'light' : 'dark';
      try {
        localStorage.setItem('charthand-theme', root.dataset.theme);
      } catch {
        // as above
      }
      tell();
    });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', tell);
    tell();
  });
})();
