import{A as e,D as t,F as n,G as r,H as i,I as a,J as o,N as s,O as c,R as l,U as u,V as d,W as f,j as p,q as m,z as h}from"./shared.js";var g=`clockfold-theme`,_=new o(y()??b()??`auto`);_.follow(()=>{v();try{localStorage.setItem(g,_.value)}catch{}}),v();function v(){_.value===`auto`?delete document.documentElement.dataset.theme:document.documentElement.dataset.theme=_.value}function y(){return x(new URLSearchParams(location.search).get(`theme`))}function b(){try{return x(localStorage.getItem(g))}catch{return null}}function x(e){return e===`auto`||e===`light`||e===`dark`?e:null}var S=class extends i{#e;constructor(){super(),new m(this,a)}disconnectedCallback(){super.disconnectedCallback(),clearInterval(this.#e)}render(){let e=a.value;clearInterval(this.#e),e.is===`waiting`&&(this.#e=setInterval(()=>this.requestUpdate(),1e3));let t=document.documentElement.classList.contains(`tv`);return r`<span class="connection" data-is=${e.is}
      ><span class="dot" aria-hidden="true"></span>
      <span aria-hidden="true">${C(e)}</span>
      <span class="unseen" role="status">${w(e)}</span>
      ${e.is===`waiting`&&!t?r`<button type="button" @click=${l}>Try now</button>`:f}</span
    >`}};function C(e){if(e.is!==`waiting`)return w(e);let t=Math.max(0,Math.ceil((e.retryAt-performance.now())/1e3));return t>0?`Reconnecting in ${t} s`:`Reconnecting…`}function w(e){switch(e.is){case`idle`:return``;case`connecting`:return`Connecting…`;case`live`:return`Live`;case`waiting`:return`Connection lost, reconnecting`;case`signed-out`:return`Signed out`}}customElements.define(`clockfold-connection`,S);var T={auto:`Auto`,light:`Light`,dark:`Dark`},E=class extends i{#e=new Map;#t=null;#n=!1;#r=null;constructor(){super(),new m(this,s,c,_),u.follow(()=>this.#c()),t()}render(){let{page:e,url:t}=s.value,n=e!==null&&!e.open&&t.searchParams.get(`tv`)===`1`;return document.documentElement.classList.toggle(`tv`,n),document.title=e?`${e.title} · Clockfold`:`Clockfold`,n?r`<main id="main" class="wall">${this.#o(e)}</main>`:r`<a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <span class="brand">Clockfold</span>
        ${this.#i()}
        <clockfold-connection></clockfold-connection>
        ${this.#a()}
      </header>
      <main id="main" tabindex="-1">${this.#o(e)}</main>`}#i(){let e=s.value.page;return e?.open?f:r`<nav aria-label="Pages">
      <ul>
        ${n.map(t=>t.link?r`<li>
                <a href=${t.link.href} aria-current=${t===e?`page`:f}>${t.link.words}</a>
              </li>`:f)}
      </ul>
    </nav>`}#a(){let e=c.value instanceof h?null:c.value?.reader;return r`<div class="choices">
      <label class="choice"
        ><span class="unseen">Light or dark</span>
        <select @change=${e=>_.value=e.target.value}>
          ${Object.entries(T).map(([e,t])=>r`<option value=${e} ?selected=${_.value===e}>${t}</option>`)}
        </select></label
      >
      ${e?.signedIn?r`<span class="who">${e.name}</span> <button type="button" @click=${this.#u}>Sign out</button>`:f}
      <span class="error" role="alert">${this.#r??``}</span>
    </div>`}#o(e){if(!e)return D(`There is no page at this address`,r`The <a href="/">board</a> is at <code>/</code>.`);if(!e.open&&u.value===`out`)return f;if(!e.open&&c.value instanceof h&&c.value.kind===`refused`)return D(`The server does not answer this browser`,r`${d(c.value)}`);let t=this.#e.get(e);return t===`there`?e.draw(s.value):t instanceof Error?D(`This page could not be loaded`,r`Is the server running, and is this computer connected to it? Then load the page again. (${d(t)})`):(t===void 0&&this.#s(e),f)}async#s(e){this.#e.set(e,`loading`);try{await e.load(),this.#e.set(e,`there`)}catch(t){this.#e.set(e,t instanceof Error?t:Error(String(t)))}this.requestUpdate()}updated(){let{page:e}=s.value;this.#t!==e&&(this.#t!==null&&this.querySelector(`main`)?.focus(),this.#t=e)}#c(){let{page:e,url:t}=s.value;if(u.value===`in`&&(this.#n=!0),u.value===`out`&&!e?.open){let e=new URL(`/sign-in`,location.origin),n=t.pathname+t.search;n!==`/`&&e.searchParams.set(`next`,n),this.#n&&!this.#l&&e.searchParams.set(`why`,`ended`),this.#n=!1,p(e,`replace`)}this.requestUpdate()}#l=!1;#u=async()=>{this.#l=!0,this.#r=null;try{await e()}catch(e){this.#r=d(e)}this.#l=!1,this.requestUpdate()}};function D(e,t){return r`<div class="notice" role="alert">
    <h1>${e}</h1>
    <p>${t}</p>
  </div>`}customElements.define(`clockfold-app`,E);export{_ as t};